"""Quotas by themselves: the same rules in one process's memory and in Valkey."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.foundation.alarms import LocalAlarms, Mark, Signal
from app.foundation.cache import Cache
from app.foundation.engines.lock import Engines
from app.foundation.quotas import LocalCounters, Quota
from app.foundation.ratelimit import RateLimiter
from app.foundation.shared_quotas import SharedCounters
from tests.conftest import forget_attempts

pytestmark = pytest.mark.anyio

TEN = Quota(policy="ten", key="ten", count=10, seconds=60)
EXACT = Quota(policy="exact", key="exact", count=3, seconds=900, exact=True)


@pytest.fixture
async def cache(engines: Engines) -> AsyncIterator[Cache]:
    await forget_attempts(engines)
    cache = Cache(engines.redis_url, answer_seconds=10)
    yield cache
    await cache.close()


def attempt(counters: LocalCounters, quota: Quota, now: float) -> bool:
    refused = counters.look([quota], now)[0].refused
    if not refused:
        counters.charge([quota], now)
    return not refused


def test_a_quota_lets_its_count_through_at_once_and_then_one_each_interval():
    counters = LocalCounters()
    assert [attempt(counters, TEN, 0.0) for _ in range(11)] == [True] * 10 + [False]
    standing = counters.look([TEN], 0.0)[0]
    assert standing.retry_seconds == pytest.approx(6)
    assert standing.reset_seconds == pytest.approx(60)
    assert [attempt(counters, TEN, 6.0), attempt(counters, TEN, 6.0)] == [True, False]
    assert [attempt(counters, TEN, 100.0) for _ in range(11)] == [True] * 10 + [False]


@given(st.lists(st.floats(min_value=0, max_value=400), max_size=60))
def test_an_exact_quota_never_lets_more_through_in_any_window(gaps: list[float]):
    counters, now, passed = LocalCounters(), 0.0, []
    for gap in gaps:
        now += gap
        if attempt(counters, EXACT, now):
            passed.append(now)
    assert all(later - passed[n] >= 900 - 1e-6 for n, later in enumerate(passed[3:]))


def test_memory_is_bounded_and_keeps_the_key_that_is_asked_for_most():
    counters = LocalCounters(max_keys=10)
    for number in range(100):
        counters.charge([TEN, Quota(policy="x", key=f"x{number}", count=1, seconds=60)], 0.0)
    assert len(counters._arrivals) == 10
    assert counters.look([TEN], 0.0)[0].refused


@pytest.mark.parametrize("quota", [TEN, EXACT])
async def test_valkey_counts_as_this_process_does(cache: Cache, quota: Quota):
    shared, local = SharedCounters(cache), LocalCounters()
    for _ in range(quota.count + 2):
        [found], _ = await shared.take([quota], (), ())
        [expected] = local.look([quota], 0.0)
        if not expected.refused:
            local.charge([quota], 0.0)
        assert (found.refused, found.remaining) == (expected.refused, expected.remaining)
        assert found.retry_seconds == pytest.approx(expected.retry_seconds, abs=5)
        assert found.reset_seconds == pytest.approx(expected.reset_seconds, abs=5)


@pytest.mark.parametrize("quota", [TEN, EXACT])
async def test_many_at_once_in_many_processes_get_no_more_than_the_quota(cache: Cache, quota: Quota):
    limiters = [RateLimiter(cache) for _ in range(4)]
    verdicts = await asyncio.gather(*(limiter.take([quota]) for limiter in limiters for _ in range(10)))
    assert sum(verdict.refused_by is None for verdict in verdicts) == quota.count


@pytest.mark.parametrize("quota", [TEN, EXACT])
async def test_what_others_used_up_is_known_here_without_being_asked_for_again(cache: Cache, quota: Quota):
    here, there = RateLimiter(cache), RateLimiter(cache)
    for _ in range(quota.count):
        await there.take([quota])
    assert not here.is_refused(quota)
    first = (await here.take([quota])).refused_by
    assert here.is_refused(quota)
    before = await commands(cache)
    second = (await here.take([quota])).refused_by
    assert await commands(cache) - before == {}
    assert first is not None
    assert second is not None
    assert second.retry_seconds <= first.retry_seconds
    assert second.reset_seconds == pytest.approx(first.reset_seconds, abs=5)


@pytest.mark.parametrize("quota", [TEN, EXACT])
async def test_valkeys_clock_set_back_refuses_nobody_for_longer_than_ever(cache: Cache, quota: Quota):
    shared = SharedCounters(cache)
    for _ in range(quota.count):
        await shared.take([quota], (), ())
    hour = 3600 * 1_000_000
    async with cache.use() as client:
        # As keys look once the clock was set back by an hour.
        if quota.exact:
            ahead = [int(at) + hour for at in await client.lrange(quota.key, 0, -1)]
            await client.delete(quota.key)
            await client.rpush(quota.key, *ahead)
        else:
            await client.set(quota.key, int(await client.get(quota.key)) + hour)
    for _ in range(2):
        [standing], _ = await shared.take([quota], (), ())
        assert standing.refused
        assert 0 < standing.retry_seconds <= quota.seconds
        assert standing.reset_seconds <= quota.seconds + 1


@pytest.mark.parametrize(("processes", "alone"), [(1, 10), (2, 10), (4, 5), (8, 2), (1000, 1)])
async def test_while_valkey_is_away_all_processes_together_let_at_most_twice_the_quota_through(
    processes: int, alone: int
):
    limiter = RateLimiter(Cache(None), processes=processes, now=lambda: 0.0)
    verdicts = [await limiter.take([TEN]) for _ in range(12)]
    assert sum(verdict.refused_by is None for verdict in verdicts) == alone
    assert {standing.quota.count for verdict in verdicts for standing in verdict.standings} == {10}


@pytest.mark.parametrize("with_valkey", [True, False])
async def test_a_soft_quota_that_is_used_up_hinders_nothing_else(cache: Cache, with_valkey: bool):
    soft = Quota(policy="soft", key="soft", count=3, seconds=900, exact=True, soft=True)
    limiter = RateLimiter(cache if with_valkey else Cache(None))
    verdicts = [await limiter.take([TEN, soft]) for _ in range(11)]
    assert [verdict.refused_by is None for verdict in verdicts] == [True] * 10 + [False]
    assert [verdict.standings[1].refused for verdict in verdicts] == [False] * 3 + [True] * 8


async def test_every_key_in_valkey_expires(engines: Engines, cache: Cache):
    limiter = RateLimiter(cache)
    for number in range(8):
        limiter.note([signal(f"account{number}")], [Mark("mark", 60)])
        await limiter.take([TEN, EXACT, GUARDED])
    async with cache.use() as client:
        lives = {key: await client.ttl(key) for key in await client.keys("*")}
    assert len(lives) >= 5
    assert all(0 < seconds <= 1200 for seconds in lives.values()), lives


async def test_an_attempt_that_one_quota_refuses_is_counted_on_none(cache: Cache):
    wide = Quota(policy="wide", key="wide", count=20, seconds=1200)
    limiter = RateLimiter(cache)
    for _ in range(30):
        await limiter.take([TEN, wide])
    [standing], _ = await SharedCounters(cache).take([wide], (), ())
    assert standing.remaining == 9


async def test_all_quotas_of_a_request_take_one_round_trip_and_a_known_refusal_none(engines: Engines, cache: Cache):
    limiter = RateLimiter(cache)
    await limiter.take([TEN])
    before = await commands(cache)
    for _ in range(9):
        limiter.note([signal("a")])
        await limiter.take([TEN, EXACT.__class__(policy="b", key="b", count=50, seconds=60)])
    # One EVALSHA for the outcome and one for the quotas, sent and answered together.
    assert await commands(cache) - before == {"evalsha": 18}
    before = await commands(cache)
    assert (await limiter.take([TEN])).refused_by is not None
    assert await commands(cache) - before == {}


class Counted(dict[str, int]):
    def __sub__(self, before: "Counted") -> dict[str, int]:
        own = {"config|resetstat", "info", "client|setinfo", "hello", "ping"}
        inside = {
            "time",
            "lpush",
            "lrange",
            "ltrim",
            "lset",
            "pexpire",
            "get",
            "set",
            "exists",
            "hincrby",
            "expire",
            "pfadd",
            "pfcount",
            "hmget",
        }
        return {
            name: count - before.get(name, 0)
            for name, count in self.items()
            if count != before.get(name, 0) and name not in own | inside
        }


async def commands(cache: Cache) -> Counted:
    async with cache.use() as client:
        found = await client.info("commandstats")
    return Counted({name.removeprefix("cmdstat_"): values["calls"] for name, values in found.items()})


def signal(account: str, *, failed: bool = True) -> Signal:
    return Signal(alarm="alarm", account=account, failed=failed, threshold=5, window_seconds=600, about="here")


GUARDED = Quota(policy="guarded", key="guarded", count=1, seconds=60, only_while="alarm", unless="known", shown=False)


@pytest.mark.parametrize("with_valkey", [True, False])
async def test_an_alarm_counts_different_accounts_and_turns_its_quota_on(cache: Cache, with_valkey: bool):
    limiter = RateLimiter(cache if with_valkey else Cache(None))
    for number in [0, 1, 2, 3, *[0] * 20]:
        limiter.note([signal(f"account{number}")])
        verdict = await limiter.take([GUARDED])
        assert (verdict.standings, verdict.raised) == ([], [])
    limiter.note([signal("account4")])
    verdict = await limiter.take([GUARDED])
    assert [(raised.accounts, raised.signal.about) for raised in verdict.raised] == [(5, "here")]
    limiter.note([signal("account5")])
    again = await limiter.take([GUARDED])
    assert again.raised == []
    assert again.refused_by is not None
    limiter.note([], [Mark("known", 60)])
    assert (await limiter.take([GUARDED])).refused_by is None


@pytest.mark.parametrize("with_valkey", [True, False])
async def test_failures_that_successes_outnumber_raise_no_alarm(cache: Cache, with_valkey: bool):
    limiter = RateLimiter(cache if with_valkey else Cache(None))
    for number in range(20):
        limiter.note([signal(f"ok{number}", failed=False), signal(f"account{number}")])
        assert (await limiter.take([GUARDED])).raised == []


def test_an_alarm_forgets_what_is_older_than_two_windows():
    alarms = LocalAlarms()
    alarms.note([signal(f"account{number}") for number in range(4)], now=0.0)
    assert alarms.note([signal("account4")], now=1300.0) == []
    assert len(alarms.note([signal(f"other{number}") for number in range(4)], now=1850.0)) == 1
