"""The filter: what is revoked, in Valkey, for every process. One value holds the bits and says how new they are.

Valkey may lose it, or part of what was written last: bits and position are one value and change together, so that what
is there is always right up to the position that it says. Its name holds the feed's epoch. No server module is needed.
"""

import asyncio
import hashlib
from typing import Any, NamedTuple
from uuid import UUID

from app.foundation.cache import Cache, CacheUnavailable
from app.foundation.redis_library import NoScriptError, ResponseError
from app.revocation.bloom import PROBES

HEADER_BYTES = 64
KEPT_SECONDS = 86_400
"""After so long without a publisher that keeps it, or after an epoch, it goes."""
# A build that its publisher did not live to finish.
_UNFINISHED_SECONDS = 600
_MARK = "added"
_BUILT = 1

# The header: position, size in bits and number of entries, twenty digits each, and the form.
_HEADER = f"""
local base, probes = {HEADER_BYTES * 8}, {PROBES}
local function header(key)
  local text = redis.call('GETRANGE', key, 0, {HEADER_BYTES - 1})
  if #text < {HEADER_BYTES} or string.sub(text, 61) ~= 'bf01' then return nil end
  return string.sub(text, 1, 20), tonumber(string.sub(text, 21, 40)), tonumber(string.sub(text, 41, 60))
end
local function set(key, bits, names)
  for at = 1, #names, 8 do
    local one, two = struct.unpack('>I4I4', names, at)
    for i = 0, probes - 1 do redis.call('SETBIT', key, base + (one + i * two) % bits, 1) end
  end
end
"""

# KEYS: the filter. ARGV: names. Answers with its position and one character a name, or nothing where there is none.
_ASK = (
    _HEADER
    + """
local seq, bits = header(KEYS[1])
if not seq then return {} end
local found, names = {}, ARGV[1]
for at = 1, #names, 8 do
  local one, two = struct.unpack('>I4I4', names, at)
  local is = '1'
  for i = 0, probes - 1 do
    if redis.call('GETBIT', KEYS[1], base + (one + i * two) % bits) == 0 then is = '0' break end
  end
  found[#found + 1] = is
end
return {seq, table.concat(found)}
"""
)

# KEYS: the filter, the mark. ARGV: names, seconds. The mark tells whoever builds another one that something came.
_ADD = (
    _HEADER
    + """
redis.call('SET', KEYS[2], '1', 'EX', ARGV[2])
local seq, bits = header(KEYS[1])
if seq then set(KEYS[1], bits, ARGV[1]) end
return 1
"""
)

# KEYS: the filter. ARGV: names, the position that it must have reached, the one that it has then, both twenty digits,
# seconds. Answers with position, bits and entries; nothing: build it anew.
_APPLY = (
    _HEADER
    + """
local seq, bits, count = header(KEYS[1])
if not seq then return {} end
if seq < ARGV[2] then return {seq, bits, count} end
set(KEYS[1], bits, ARGV[1])
count = count + #ARGV[1] / 8
if ARGV[3] > seq then seq = ARGV[3] end
redis.call('SETRANGE', KEYS[1], 0, seq .. string.format('%020.0f%020.0f', bits, count) .. 'bf01')
redis.call('EXPIRE', KEYS[1], ARGV[4])
return {seq, bits, count}
"""
)

# KEYS: one that is being built, the filter, the mark. ARGV: names, the position where it is done or "", seconds. A
# flush takes what was built so far with it, which its header tells: 0. 2 where something came meanwhile.
_BUILD = (
    _HEADER
    + """
local seq, bits, count = header(KEYS[1])
if not seq then return 0 end
set(KEYS[1], bits, ARGV[1])
count = count + #ARGV[1] / 8
if ARGV[2] ~= '' and redis.call('EXISTS', KEYS[3]) == 1 then return 2 end
if ARGV[2] ~= '' then seq = ARGV[2] end
redis.call('SETRANGE', KEYS[1], 0, seq .. string.format('%020.0f%020.0f', bits, count) .. 'bf01')
redis.call('EXPIRE', KEYS[1], ARGV[3])
if ARGV[2] ~= '' then redis.call('RENAME', KEYS[1], KEYS[2]) end
return 1
"""
)


class Found(NamedTuple):
    """The position of the filter, and of each name that was asked whether it may be among the entries."""

    seq: int
    maybe: bytes


class Extent(NamedTuple):
    """How far the filter has come, its size in bits and how many entries it has taken."""

    seq: int
    bits: int
    entries: int


class RevocationFilter:
    """The filter of one epoch, asked and filled by one round trip each. Everything raises CacheUnavailable."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    @property
    def exists(self) -> bool:
        """Whether there can be one."""
        return self._cache.exists

    async def ask(self, epoch: UUID, names: bytes, *, seconds: float) -> Found | None:
        """Whether names may be revoked; None where there is no filter, or no answer in time."""
        async with self._cache.use() as client:
            try:
                # Within the cache's own time, and no failure of the cache: a slow one still counts for others.
                async with asyncio.timeout(seconds):
                    answer = await _run(client, _ASK, [_name(epoch)], [names])
            except TimeoutError:
                return None
        return Found(int(answer[0]), answer[1]) if answer else None

    async def add(self, epoch: UUID, names: bytes) -> None:
        """Add what has just been revoked and has no number yet."""
        async with self._cache.use() as client:
            await _run(client, _ADD, [_name(epoch), _name(epoch, _MARK)], [names, _UNFINISHED_SECONDS])

    async def apply(self, epoch: UUID, names: bytes, *, start: int, end: int) -> Extent | None:
        """Add the entries after number `start` up to `end`, if it has come to `start`; None where there is none."""
        async with self._cache.use() as client:
            arguments = [names, _digits(start), _digits(end), KEPT_SECONDS]
            answer = await _run(client, _APPLY, [_name(epoch)], arguments)
        return Extent(*(int(number) for number in answer)) if answer else None

    async def begin(self, epoch: UUID, build: str, bits: int) -> None:
        """Begin to build another in the place of what is there; `build` names it."""
        header = f"{_digits(0)}{_digits(bits)}{_digits(0)}bf01"
        async with self._cache.use() as client:
            await client.set(_name(epoch, build), header, ex=_UNFINISHED_SECONDS)

    async def build(self, epoch: UUID, build: str, names: bytes) -> bool:
        """Add to what is being built; False where it was lost meanwhile."""
        return await self._build(epoch, build, names, "", _UNFINISHED_SECONDS) == _BUILT

    async def unmark(self, epoch: UUID) -> None:
        """Forget what was added until now: what is read after this holds it."""
        async with self._cache.use() as client:
            await client.delete(_name(epoch, _MARK))

    async def finish(self, epoch: UUID, build: str, names: bytes, *, seq: int) -> bool | None:
        """Add the last names and put it in place, right up to that position; None where it was lost meanwhile.

        False where something was added since `unmark`, which the old one may have and this one not.
        """
        answer = await self._build(epoch, build, names, _digits(seq), KEPT_SECONDS)
        return answer == _BUILT if answer else None

    async def _build(self, epoch: UUID, build: str, names: bytes, seq: str, seconds: int) -> int:
        keys = [_name(epoch, build), _name(epoch), _name(epoch, _MARK)]
        async with self._cache.use() as client:
            return int(await _run(client, _BUILD, keys, [names, seq, seconds]))

    async def size_bytes(self, epoch: UUID) -> int:
        """What the filter takes of Valkey's memory; 0 where there is none."""
        async with self._cache.use() as client:
            return int(await client.memory_usage(_name(epoch), samples=0) or 0)


async def _run(client: Any, script: str, keys: list[str], arguments: list[Any]) -> Any:
    sha = hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
    try:
        try:
            return await client.evalsha(sha, len(keys), *keys, *arguments)
        except NoScriptError:
            return await client.eval(script, len(keys), *keys, *arguments)
    except ResponseError as error:
        raise CacheUnavailable(detail=f"Valkey refuses the filter's scripts: {error}") from error


def _name(epoch: UUID, build: str = "") -> str:
    # One slot of a cluster for what is built and what it replaces.
    return f"revocations:{{{epoch.hex}}}{build and ':' + build}"


def _digits(number: int) -> str:
    # Of one length, so that texts compare as numbers do: Lua's own lose whole numbers beyond 2^53.
    return f"{number:020d}"
