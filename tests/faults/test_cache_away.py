"""Valkey freezes, or dies with all it held: nobody waits for it, and the limits go on."""

import asyncio
import signal
import statistics
import time
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import httpx2
import pytest
from redis.asyncio import Redis

from app.foundation.engines.instance import Instance
from tests.faults.conftest import Deploy, Platform
from tests.faults.deployment import Deployment, length
from tests.faults.table import note
from tests.faults.valkey import Valkey
from tests.support import People, bearer

pytestmark = pytest.mark.anyio

LIMIT, SECONDS_EACH = 5, 12
# The limit of production for one account, and room for a drill at its one address.
NARROW = {"LIMITS__LOGIN_PER_ACCOUNT": str(LIMIT), "LIMITS__LOGIN_PER_ADDRESS": "100000"}
GONE, AGAIN = "going on without it", "the cache answers again"


@pytest.fixture
def cache(platform: Platform) -> Iterator[Valkey]:
    folder = platform.folder / f"cache-{uuid4().hex[:6]}"
    with Instance(folder, database_url=platform.engines.database_url) as instance:
        cache = Valkey(instance)
        yield cache
        cache.send(signal.SIGCONT)


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    # A connection for each request, so that any process may get it.
    limits = httpx2.Limits(max_keepalive_connections=0)
    async with httpx2.AsyncClient(timeout=30, limits=limits, trust_env=False) as client:
        yield client


async def size_of(cache: Valkey) -> int:
    async with Redis.from_url(cache.url) as client:
        return int(await client.dbsize())


async def seconds(client: httpx2.AsyncClient, deployment: Deployment, *, times: int) -> list[float]:
    """How long a request takes that is limited and computes nothing: an unknown client's, another one each time."""
    found = []
    body = {"action_token": "none", "action": "orders.refund", "consumption_id": uuid4().hex}
    for _ in range(times):
        started = time.monotonic()
        answer = await client.post(
            f"{deployment.url}/auth/action-tokens/consume", json=body, auth=(f"c_{uuid4().hex[:24]}", "wrong")
        )
        found.append(time.monotonic() - started)
        assert answer.status_code == 401, answer.text
    return found


class Guesses:
    """Sign-ins at one account that has none: how many were let through, and how many might have been by now."""

    def __init__(self, client: httpx2.AsyncClient, deployment: Deployment) -> None:
        self._client, self._deployment = client, deployment
        self._email = f"{uuid4().hex}@example.com"
        self._begun = time.monotonic()
        self.passed = 0

    async def go_on(self, tries: int) -> None:
        body = {"email": self._email, "password": "wrong guess"}
        for _ in range(tries):
            answer = await self._client.post(f"{self._deployment.url}/auth/login", json=body)
            assert answer.status_code in (401, 429), answer.text
            assert answer.status_code == 401 or int(answer.headers["retry-after"]) >= 1
            self.passed += answer.status_code == 401

    def allowed(self, times: int = 1) -> int:
        """The limit so many times over, with what came back since."""
        return times * (LIMIT + int((time.monotonic() - self._begun) // SECONDS_EACH))


async def until_back(deployment: Deployment) -> float:
    """Seconds until every process that gave the cache up counts by it again."""
    started = time.monotonic()
    assert GONE in deployment.log()
    while deployment.log().count(AGAIN) < deployment.log().count(GONE):
        assert time.monotonic() < started + 30, deployment.log()[-2000:]
        await asyncio.sleep(0.01)
    return time.monotonic() - started


@pytest.mark.fault("F12")
async def test_a_frozen_cache_costs_five_requests_a_moment_and_no_limit(
    deploy: Deploy, cache: Valkey, client: httpx2.AsyncClient
) -> None:
    deployment = await deploy(REDIS__URL=cache.url, **NARROW)
    before = Guesses(client, deployment)
    await before.go_on(LIMIT - 2)
    usual = statistics.median(await seconds(client, deployment, times=15))
    cache.send(signal.SIGSTOP)
    first = await seconds(client, deployment, times=5)
    later = await seconds(client, deployment, times=int(length(20, 200)))
    frozen = Guesses(client, deployment)
    await frozen.go_on(LIMIT + 4)
    await before.go_on(4)
    await asyncio.sleep(length(0, 30))
    cache.send(signal.SIGCONT)
    back = await until_back(deployment)
    keys = await size_of(cache)
    await Guesses(client, deployment).go_on(1)
    added_first, added_later = (statistics.median(found) - usual for found in (first, later))
    print(
        f"F12: a request takes {usual * 1000:.0f} ms; frozen, {added_first * 1000:.0f} ms more for the first five "
        f"(at most {(max(first) - usual) * 1000:.0f}), then {added_later * 1000:.0f}; "
        f"{frozen.passed} of {LIMIT + 4} let through; back {back * 1000:.0f} ms after the thaw"
    )
    note("F12", requests=len(first) + len(later), first_success=f"{back * 1000:.0f} ms")
    # The wait itself is 80 ms; the rest is what a busy machine adds to anything.
    assert added_first <= 0.1 + usual
    assert added_later <= 0.04 + usual
    assert LIMIT <= frozen.passed <= frozen.allowed()
    # What was used up before counts on.
    assert before.passed <= before.allowed()
    assert back <= 5
    assert await size_of(cache) > keys
    assert deployment.unexpected() == []


@pytest.mark.fault("F11")
async def test_a_cache_that_dies_with_all_it_held_gives_no_limit_and_no_token_back(
    deploy: Deploy, cache: Valkey, client: httpx2.AsyncClient
) -> None:
    deployment = await deploy(workers=2, REDIS__URL=cache.url, **NARROW)
    client.base_url = httpx2.URL(deployment.url)
    people = [await People(client).signed_in(f"person{number}@example.com") for number in range(int(length(4, 40)))]
    ended, live = people[::2], people[1::2]
    for tokens in ended:
        assert (await client.post("/auth/logout", headers=bearer(tokens))).status_code == 204
    guesses, later = Guesses(client, deployment), Guesses(client, deployment)
    await guesses.go_on(LIMIT + 2)
    assert LIMIT <= guesses.passed <= guesses.allowed()

    await cache.kill()
    await later.go_on(2 * LIMIT + 6)
    await guesses.go_on(2 * LIMIT)
    for _ in range(int(length(5, 50))):
        for tokens in ended:
            assert (await client.get("/auth/validate", headers=bearer(tokens))).status_code == 401
    cache.start()
    back = await until_back(deployment)
    await later.go_on(LIMIT + 2)
    await guesses.go_on(LIMIT + 2)

    for tokens in live:
        assert (await client.get("/auth/validate", headers=bearer(tokens))).status_code == 200
    assert [(await client.get("/auth/validate", headers=bearer(tokens))).status_code for tokens in ended] == (
        [401] * len(ended)
    )
    print(
        f"F11: limit {LIMIT}: {guesses.passed} let through where it was used up before, {later.passed} where not, "
        f"by two processes; back {back * 1000:.0f} ms after the restart"
    )
    note("F11", requests=guesses.passed + later.passed, first_success=f"{back * 1000:.0f} ms")
    assert guesses.passed <= guesses.allowed(2)
    assert later.passed <= later.allowed(2)
    assert back <= 5
    assert deployment.unexpected() == []
