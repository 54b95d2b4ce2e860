"""The guard before a provider: bounded time and places, and a breaker that lets one try after a while."""

import asyncio
from contextlib import AbstractAsyncContextManager

import pytest

from app.brokering.guard import ProviderGuard
from app.brokering.settings import FederationSettings
from app.brokering.turns import Crowded, Turns
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
        settings = FederationSettings(**changes)
        self.turns = Turns(within=settings.answer_seconds, clock=lambda: self.now)
        self.guard = ProviderGuard(settings, self.turns, clock=lambda: self.now)
        self.asked = Asked()

    async def call(self, to: Connection | None = None, *, proves: bool = True) -> str | Refusal:
        try:
            return await self.guard.call(to or connection(), self.asked, proves=proves)
        except SignInRefused as refused:
            return refused.refusal


async def entered(place: AbstractAsyncContextManager[None]) -> bool:
    try:
        await place.__aenter__()
    except Crowded:
        return False
    return True


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


async def test_so_many_are_under_way_at_a_time_and_whoever_finds_no_place_is_told_so_before_anything_began():
    guarded = Guarded(answer_seconds=0.5, concurrency=2, failures=1)
    inside, most, release = 0, 0, asyncio.Event()

    async def slow() -> str:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await release.wait()
        inside -= 1
        return "somebody"

    async def call() -> str:
        try:
            async with guarded.guard.place(connection(), guarded.now):
                return await guarded.guard.call(connection(), slow)
        except Crowded:
            return "crowded"

    holding = [asyncio.create_task(call()) for _ in range(2)]
    assert await asyncio.gather(*(call() for _ in range(3))) == ["crowded"] * 3
    assert (inside, most) == (2, 2)
    release.set()
    assert await asyncio.gather(*holding) == ["somebody"] * 2
    # Whoever waited for a place in vain says nothing of the provider, and a place that comes free is the next one's.
    assert await asyncio.gather(*(call() for _ in range(20))) == ["somebody"] * 20
    assert most == 2


async def test_who_would_be_late_is_told_so_at_once():
    guarded = Guarded()

    async def seconds(count: float) -> str:
        guarded.now += count
        return "somebody"

    for _ in range(40):
        await guarded.guard.call(connection(), lambda: seconds(3))
    # Alone anybody may try, and so may a few; then the provider's three seconds leave no time for those before.
    held = []
    while await entered(place := guarded.guard.place(connection(), guarded.now)):
        held.append(place)
    assert 10 < len(held) < 200
    # Who has waited elsewhere already has less time, and another provider has room of its own.
    with pytest.raises(Crowded):
        async with guarded.guard.place(connection(), guarded.now - 1.5):
            pass
    async with guarded.guard.place(connection("other"), guarded.now - 1.5):
        pass
    async with guarded.guard.place(connection(), guarded.now, leaves=True):
        pass
    for place in held:
        await place.__aexit__(None, None, None)
    async with guarded.guard.place(connection(), guarded.now - 1.5):
        pass


@pytest.mark.fault("F17")
async def test_a_provider_that_answers_some_in_time_is_slow_and_not_away():
    guarded = Guarded(failures=2)

    async def fails() -> str:
        raise SignInRefused(Refusal.UNREACHABLE, "no")

    async def fails_after_somebody_was_answered() -> str:
        guarded.now += 1
        await guarded.call()
        return await fails()

    for _ in range(5):
        with pytest.raises(SignInRefused):
            await guarded.guard.call(connection(), fails_after_somebody_was_answered)
    assert await guarded.call() == "somebody"
    for _ in range(2):
        guarded.now += 1
        with pytest.raises(SignInRefused):
            await guarded.guard.call(connection(), fails)
    assert await guarded.call() == Refusal.UNREACHABLE
    assert guarded.asked.times == 6


@pytest.mark.fault("F17")
async def test_a_silence_counts_only_where_the_provider_had_its_time():
    guarded = Guarded(failures=1)

    async def never() -> str:
        await asyncio.Event().wait()
        return ""

    async def late(connection: Connection) -> Refusal:
        # The request has waited in lines of ours until next to nothing was left.
        async with guarded.guard.place(connection, guarded.now), guarded.guard.place(connection, guarded.now):
            with pytest.raises(SignInRefused) as refused:
                await guarded.guard.call(connection, never, arrived_at=guarded.now - 4.7)
        return refused.value.refusal

    assert await late(connection()) == Refusal.UNREACHABLE
    assert await guarded.call() == "somebody"
    # Where nobody else was here it was not the crowd that took the time.
    with pytest.raises(SignInRefused):
        await guarded.guard.call(connection(), never, arrived_at=guarded.now - 4.7)
    assert await guarded.call() == Refusal.UNREACHABLE


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
