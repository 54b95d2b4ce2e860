"""The guard before a provider: bounded time and places, and a breaker that lets one try after a while."""

import asyncio

import pytest

from app.brokering.guard import ProviderGuard
from app.brokering.settings import FederationSettings
from app.federation.connector import Connection, ConnectorKind, Policy, Refusal, SignInRefused
from app.foundation.http.outbound import CallFailed, Failure

pytestmark = pytest.mark.anyio


def connection(name: str = "corp", version: int = 1) -> Connection:
    return Connection(
        id=name,
        name=name,
        kind=ConnectorKind.OIDC,
        preset=None,
        config={},
        secret=None,
        policy=Policy(),
        version=version,
        callback_url="http://localhost:8000/auth/oauth/corp/callback",
    )


class Asked:
    """A provider that answers as told, and counts how often it was asked."""

    def __init__(self) -> None:
        self.times = 0
        self.refusal: Refusal | None = None
        self.cause: Exception | None = None

    async def __call__(self) -> str:
        self.times += 1
        if self.refusal is not None:
            raise SignInRefused(self.refusal, "no") from self.cause
        return "somebody"


class Guarded:
    """A guard whose time the test turns."""

    def __init__(self, **changes: float) -> None:
        self.now = 1000.0
        self.guard = ProviderGuard(FederationSettings(**changes), clock=lambda: self.now)
        self.asked = Asked()

    async def call(self, to: Connection | None = None, *, proves: bool = True) -> str | Refusal:
        try:
            return await self.guard.call(to or connection(), self.asked, proves=proves)
        except SignInRefused as refused:
            return refused.refusal


@pytest.mark.fault("F17")
async def test_a_provider_that_does_not_answer_five_times_is_left_alone_and_then_tried_by_one():
    guarded = Guarded()
    guarded.asked.refusal = Refusal.UNREACHABLE
    assert [await guarded.call() for _ in range(8)] == [Refusal.UNREACHABLE] * 8
    assert guarded.asked.times == 5
    # Another provider, and the same one set up anew, are other matters.
    await guarded.call(connection("other"))
    await guarded.call(connection(version=2))
    assert guarded.asked.times == 7
    guarded.now += 30
    await guarded.call()
    assert guarded.asked.times == 8
    await guarded.call()
    assert guarded.asked.times == 8
    guarded.now += 30
    guarded.asked.refusal = None
    assert await guarded.call() == "somebody"
    assert [await guarded.call() for _ in range(3)] == ["somebody"] * 3


async def test_whoever_only_leaves_for_a_provider_says_nothing_of_its_health():
    guarded = Guarded()
    guarded.asked.refusal = Refusal.UNREACHABLE
    for _ in range(4):
        await guarded.call()
    guarded.asked.refusal = None
    assert await guarded.call(proves=False) == "somebody"
    guarded.asked.refusal = Refusal.UNREACHABLE
    await guarded.call()
    assert await guarded.call(proves=False) == Refusal.UNREACHABLE
    assert guarded.asked.times == 6


async def test_no_and_nonsense_are_answers_that_nobody_can_keep_others_out_by():
    guarded = Guarded()
    for refusal in (Refusal.FORGED, Refusal.BROKEN, Refusal.CANCELLED, Refusal.NOT_ALLOWED):
        guarded.asked.refusal = refusal
        assert [await guarded.call() for _ in range(10)] == [refusal] * 10
    assert guarded.asked.times == 40
    # But what broke on the wire is none.
    guarded.asked.refusal, guarded.asked.cause = Refusal.BROKEN, CallFailed(Failure.TLS, "bad certificate")
    for _ in range(10):
        await guarded.call()
    assert guarded.asked.times == 45


async def test_a_place_is_waited_for_and_not_for_ever():
    guard = ProviderGuard(FederationSettings(answer_seconds=0.5, concurrency=2, failures=100))
    inside, most, release = 0, 0, asyncio.Event()

    async def slow() -> str:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        try:
            await release.wait()
        finally:
            inside -= 1
        return "somebody"

    async def call() -> str | Refusal:
        try:
            return await guard.call(connection(), slow)
        except SignInRefused as refused:
            return refused.refusal

    results = await asyncio.gather(*(call() for _ in range(5)))
    assert results == [Refusal.UNREACHABLE] * 5
    assert (inside, most) == (0, 2)
    release.set()
    assert await asyncio.gather(*(call() for _ in range(20))) == ["somebody"] * 20


async def test_a_try_that_is_cut_off_lets_the_next_one_try():
    guarded = Guarded(failures=1)
    guarded.asked.refusal = Refusal.UNREACHABLE
    await guarded.call()
    guarded.now += 30

    async def never() -> str:
        await asyncio.Event().wait()
        return ""

    task = asyncio.create_task(guarded.guard.call(connection(), never))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    guarded.asked.refusal = None
    assert await guarded.call() == "somebody"
