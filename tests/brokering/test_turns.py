"""Turns: a few at a time, the nearest to its end first, and nobody kept waiting for what can't come in time."""

import asyncio

import pytest

from app.brokering.turns import Crowded, Part, Turns

pytestmark = pytest.mark.anyio


async def settle() -> None:
    """Let every task that can go on do so."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_what_is_nearest_to_its_end_goes_first_and_only_so_many_at_a_time():
    turns, done, release = Turns(within=60, at_once=2), [], asyncio.Event()
    inside, most = 0, 0

    async def work(name: str, part: Part) -> None:
        nonlocal inside, most
        async with turns.take(part):
            inside += 1
            most = max(most, inside)
            await release.wait()
            await asyncio.sleep(0)
            inside -= 1
            done.append(name)

    parts = [Part.TELL, Part.LEAVE, Part.CLAIM, Part.REFUSE, Part.FINISH]
    tasks = [asyncio.create_task(work("first", Part.TELL)), asyncio.create_task(work("second", Part.TELL))]
    await settle()
    tasks += [asyncio.create_task(work(f"{part.name} {number}", part)) for part in parts for number in range(2)]
    await settle()
    release.set()
    await asyncio.gather(*tasks)
    assert most == 2
    assert done == ["first", "second"] + [f"{part.name} {number}" for part in sorted(parts) for number in range(2)]


async def test_a_turn_that_cannot_come_in_time_is_refused_at_once_and_one_that_did_not_when_time_is_up():
    now = 100.0
    turns = Turns(within=5, at_once=1, clock=lambda: now)
    release = asyncio.Event()

    async def hold(part: Part) -> None:
        async with turns.take(part):
            await release.wait()

    holders = [asyncio.create_task(hold(Part.FINISH))]
    await settle()
    # Nobody else waits, so it might come; its time is up at once.
    with pytest.raises(Crowded):
        async with turns.take(Part.CLAIM, now - 5):
            pass
    holders += [asyncio.create_task(hold(Part.FINISH)) for _ in range(1000)]
    await settle()
    with pytest.raises(Crowded):
        async with turns.take(Part.CLAIM, now):
            pass
    assert turns.seconds_until(Part.CLAIM) > 5
    release.set()
    await asyncio.gather(*holders)
    assert turns.seconds_until(Part.CLAIM) == 0
    # Late as it may be: where a turn is free nobody is sent away.
    async with turns.take(Part.CLAIM, now - 60):
        pass


async def test_a_turn_whose_owner_is_gone_is_the_next_ones():
    turns = Turns(within=60, at_once=1)
    release, done = asyncio.Event(), []

    async def work(name: str) -> None:
        async with turns.take(Part.CLAIM):
            await release.wait()
            done.append(name)

    tasks = [asyncio.create_task(work(name)) for name in ("one", "two", "three", "four")]
    await settle()
    tasks[1].cancel()
    await settle()
    release.set()
    # The turn is given to the third and its owner cancelled within one step of the loop.
    await tasks[0]
    tasks[2].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert done[0] == "one"
    assert done[-1] == "four"
    assert turns.seconds_until(Part.TELL) == 0
    async with asyncio.timeout(30), turns.take(Part.TELL):
        pass


async def test_turns_learn_how_long_turns_take():
    now = 0.0
    turns = Turns(within=60, at_once=2, clock=lambda: now)
    for _ in range(100):
        async with turns.take(Part.FINISH):
            now += 0.2
    assert turns.seconds_of(Part.FINISH) == pytest.approx(0.1, rel=0.01)
    assert turns.left(now - 50) == pytest.approx(10)
