"""Quotas and alarms counted in Valkey, for all processes together, in one round trip for each request.

Every key is a digest. The time is Valkey's own, so that processes need not agree on it.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

from app.foundation.alarms import Mark, Raised, Signal
from app.foundation.cache import Cache, CacheUnavailable
from app.foundation.quotas import Quota, Standing
from app.foundation.redis_library import NoScriptError, Redis, ResponseError

_MICROSECONDS = 1_000_000

# KEYS: for each quota its key, the alarm it waits for and the mark that frees from it, or "". ARGV: for each the
# microseconds between two attempts, the count, the microseconds of the whole, whether exact, whether soft. Answers with
# five numbers for each: counts at all, refused, remaining, reset and retry in microseconds. Nothing is counted
# unless every quota lets the attempt through: what the source's quota refuses does not touch the account's. After the
# clock was set back nothing counts as later than now, or than the whole from now: a refusal lasts no longer than ever.
_TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local answer, writes, refused = {}, {}, false
for i = 1, #KEYS / 3 do
  local key, alarm, mark = KEYS[3 * i - 2], KEYS[3 * i - 1], KEYS[3 * i]
  local interval, count = tonumber(ARGV[5 * i - 4]), tonumber(ARGV[5 * i - 3])
  local whole, exact, soft = tonumber(ARGV[5 * i - 2]), ARGV[5 * i - 1] == '1', ARGV[5 * i] == '1'
  local applies = 1
  if alarm ~= '' and redis.call('EXISTS', alarm) == 0 then applies = 0 end
  if applies == 1 and mark ~= '' and redis.call('EXISTS', mark) == 1 then applies = 0 end
  local no, remaining, reset, retry = 0, count, 0, 0
  if applies == 1 and exact then
    local used = 0
    local kept = redis.call('LRANGE', key, 0, count - 1)
    for j, at in ipairs(kept) do
      if tonumber(at) > now then
        kept[j] = string.format('%.0f', now)
        redis.call('LSET', key, j - 1, kept[j])
      end
      if tonumber(kept[j]) > now - whole then used = used + 1 end
    end
    if used >= count then
      no, remaining, reset, retry = 1, 0, kept[1] + whole - now, kept[count] + whole - now
    else
      remaining, reset = count - used - 1, whole
      writes[#writes + 1] = {key, count, whole}
    end
  elseif applies == 1 then
    local before = math.min(math.max(now, tonumber(redis.call('GET', key) or now)), now + whole)
    local over = before + interval - now - whole
    if over > 0 then
      no, remaining, reset, retry = 1, 0, before - now, over
    else
      remaining, reset = math.floor(-over / interval), before + interval - now
      writes[#writes + 1] = {key, before + interval, reset}
    end
  end
  if no == 1 and not soft then refused = true end
  for _, value in ipairs({applies, no, remaining, reset, retry}) do answer[#answer + 1] = math.floor(value) end
  if applies == 1 and no == 0 then writes[#writes].exact = exact end
end
if not refused then
  for _, write in ipairs(writes) do
    if write.exact then
      redis.call('LPUSH', write[1], string.format('%.0f', now))
      redis.call('LTRIM', write[1], 0, write[2] - 1)
      redis.call('PEXPIRE', write[1], math.ceil(write[3] / 1000))
    else
      redis.call('SET', write[1], string.format('%.0f', write[2]), 'PX', math.ceil(write[3] / 1000))
    end
  end
end
return answer
"""

# KEYS: the alarm, from which the keys of this window and the last are made: the accounts that failed, the outcomes.
# ARGV: the account, how it ended, the threshold, the window's seconds. Answers with the number of accounts where this
# raised the alarm, else 0. The accounts are a HyperLogLog: 12 kB at most, however many, within one in a hundred.
_NOTE = """
local window = tonumber(ARGV[4])
local number = math.floor(redis.call('TIME')[1] / window)
local function named(kind, n) return string.format('%s:%s:%.0f', KEYS[1], kind, n) end
local accounts, outcomes = named('accounts', number), named('outcomes', number)
redis.call('HINCRBY', outcomes, ARGV[2], 1)
redis.call('EXPIRE', outcomes, 2 * window)
if ARGV[2] == 'passed' then return 0 end
redis.call('PFADD', accounts, ARGV[1])
redis.call('EXPIRE', accounts, 2 * window)
local failing = redis.call('PFCOUNT', accounts, named('accounts', number - 1))
if failing < tonumber(ARGV[3]) then return 0 end
local balance = 0
for n = number - 1, number do
  local counts = redis.call('HMGET', named('outcomes', n), 'failed', 'passed')
  balance = balance + (counts[1] or 0) - (counts[2] or 0)
end
if balance <= 0 then return 0 end
local fresh = redis.call('SET', KEYS[1], failing, 'EX', window, 'NX')
if fresh then return failing end
redis.call('EXPIRE', KEYS[1], window)
return 0
"""


def _sha(script: str) -> str:
    # What Valkey calls a script; nothing rests on it being hard to collide.
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()


_TAKE_SHA, _NOTE_SHA = _sha(_TAKE), _sha(_NOTE)


class SharedCounters:
    """Quotas, alarms and marks in Valkey."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    async def take(
        self, quotas: Sequence[Quota], signals: Sequence[Signal], marks: Sequence[Mark]
    ) -> tuple[list[Standing], list[Raised]]:
        """Send outcomes of earlier requests, then count one attempt on each quota if all let it through.

        One round trip, save for the first after Valkey started. Quotas that do not count now are left out of the
        answer. Raises CacheUnavailable.
        """
        async with self._cache.use() as client:
            answers = await _send(client, quotas, signals, marks)
            if any(isinstance(answer, NoScriptError) for answer in answers):
                await client.script_load(_TAKE)
                await client.script_load(_NOTE)
                answers = await _send(client, quotas, signals, marks)
        return _read(quotas, signals, answers)


async def _send(client: Redis, quotas: Sequence[Quota], signals: Sequence[Signal], marks: Sequence[Mark]) -> list[Any]:
    pipeline = client.pipeline(transaction=False)
    for signal in signals:
        pipeline.evalsha(_NOTE_SHA, 1, *_note_arguments(signal))
    for mark in marks:
        pipeline.set(mark.key, "1", ex=mark.seconds)
    pipeline.evalsha(_TAKE_SHA, 3 * len(quotas), *_take_arguments(quotas))
    return await pipeline.execute(raise_on_error=False)


def _read(
    quotas: Sequence[Quota], signals: Sequence[Signal], answers: list[Any]
) -> tuple[list[Standing], list[Raised]]:
    for answer in answers:
        if isinstance(answer, ResponseError):
            raise CacheUnavailable(detail=f"Valkey refuses the limits' scripts: {answer}") from answer
        if isinstance(answer, Exception):
            raise CacheUnavailable(detail=f"{type(answer).__name__}: {answer}") from answer
    raised = [Raised(signal, count) for signal, count in zip(signals, answers, strict=False) if count]
    numbers = answers[-1]
    standings = []
    for index, quota in enumerate(quotas):
        applies, refused, remaining, reset, retry = numbers[5 * index : 5 * index + 5]
        if applies:
            standings.append(Standing(quota, bool(refused), remaining, reset / _MICROSECONDS, retry / _MICROSECONDS))
    return standings, raised


def _take_arguments(quotas: Sequence[Quota]) -> list[str | int]:
    keys: list[str | int] = []
    arguments: list[str | int] = []
    for quota in quotas:
        keys += [quota.key, quota.only_while, quota.unless]
        whole = quota.seconds * _MICROSECONDS
        arguments += [whole // quota.count, quota.count, whole, int(quota.exact), int(quota.soft)]
    return keys + arguments


def _note_arguments(signal: Signal) -> list[str | int]:
    outcome = "failed" if signal.failed else "passed"
    return [signal.alarm, signal.account, outcome, signal.threshold, signal.window_seconds]
