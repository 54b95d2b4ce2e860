"""Questions of one moment are answered by one statement, and each who asks is told what is theirs."""

import asyncio
from dataclasses import replace

import pytest

from app.foundation.db import DatabaseUnavailable
from app.foundation.errors import Unavailable
from app.foundation.gathering import READING, WRITING, Gathering, Pace

pytestmark = pytest.mark.anyio


class Library:
    """What is read from; holds readings back until it is let go."""

    def __init__(self):
        self.groups = []
        self.let_go = asyncio.Event()
        self.error = None

    async def read(self, questions):
        self.groups.append(list(questions))
        await self.let_go.wait()
        if self.error is not None:
            raise self.error
        return [question * 2 for question in questions]


async def until_reading(library, groups):
    while len(library.groups) < groups:
        await asyncio.sleep(0)


async def test_who_asks_while_two_readings_are_under_way_waits_for_the_third():
    library = Library()
    gathering = Gathering(library.read)
    asked = []
    for group in range(READING.at_once):
        asked += [asyncio.create_task(gathering.ask(number)) for number in (10 * group, 10 * group + 1)]
        await until_reading(library, group + 1)
    asked += [asyncio.create_task(gathering.ask(100 + number)) for number in range(READING.most + 3)]
    await asyncio.sleep(0)
    assert [len(group) for group in library.groups] == [2] * READING.at_once
    library.let_go.set()
    assert await asyncio.gather(*asked) == [0, 2, 20, 22, *(200 + 2 * number for number in range(READING.most + 3))]
    assert sorted(len(group) for group in library.groups) == [2, 2, 3, READING.most]
    assert await gathering.ask(7) == 14


async def test_what_is_written_is_written_group_by_group_in_the_order_in_which_it_came():
    ledger = Library()
    gathering = Gathering(ledger.read, WRITING)
    first = asyncio.create_task(gathering.ask(1))
    await until_reading(ledger, 1)
    others = [asyncio.create_task(gathering.ask(number)) for number in range(2, 2 + WRITING.most + 5)]
    await asyncio.sleep(0)
    assert not first.done()
    ledger.let_go.set()
    assert await first == 2
    assert await asyncio.gather(*others) == [number * 2 for number in range(2, 2 + WRITING.most + 5)]
    assert [len(group) for group in ledger.groups] == [1, WRITING.most, 5]
    assert [number for group in ledger.groups for number in group] == [1, *range(2, 2 + WRITING.most + 5)]


async def test_groups_that_begin_apart_gather_whoever_comes_in_between():
    ledger = Library()
    ledger.let_go.set()
    gathering = Gathering(ledger.read, replace(WRITING, apart_seconds=0.5))
    await gathering.ask(1)
    assert await asyncio.gather(gathering.ask(2), gathering.ask(3)) == [4, 6]
    assert ledger.groups == [[1], [2, 3]]


async def test_each_of_a_group_is_told_that_it_failed_and_the_next_reading_goes_on():
    for pace in (READING, WRITING):
        library = Library()
        library.let_go.set()
        library.error = DatabaseUnavailable()
        gathering = Gathering(library.read, pace)
        failed = await asyncio.gather(*(gathering.ask(number) for number in range(3)), return_exceptions=True)
        assert [type(error) for error in failed] == [DatabaseUnavailable] * 3
        library.error = None
        assert await gathering.ask(4) == 8


async def test_one_who_hangs_up_takes_the_answer_from_nobody():
    for pace in (READING, WRITING):
        library = Library()
        gathering = Gathering(library.read, pace)
        asked = [asyncio.create_task(gathering.ask(number)) for number in range(2)]
        await until_reading(library, 1)
        asked[0].cancel()
        library.let_go.set()
        assert await asked[1] == 2
        with pytest.raises(asyncio.CancelledError):
            await asked[0]


async def test_who_asks_again_the_moment_it_is_answered_is_answered_too():
    library = Library()
    library.let_go.set()
    gathering = Gathering(library.read, Pace(at_once=1))
    async with asyncio.timeout(10):
        assert [await gathering.ask(number) for number in range(5)] == [0, 2, 4, 6, 8]


async def test_whoever_comes_when_too_many_wait_is_sent_away():
    library = Library()
    gathering = Gathering(library.read, WRITING)
    waiting = [asyncio.create_task(gathering.ask(number)) for number in range(WRITING.most_waiting + 1)]
    library.let_go.set()
    told = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(error) for error in told if isinstance(error, Exception)] == [Unavailable]
