"""Questions of one moment are answered by one reading, and each who asks is told what is theirs."""

import asyncio

import pytest

from app.foundation.db import DatabaseUnavailable
from app.foundation.gathering import MOST_AT_ONCE, STATEMENTS_AT_ONCE, Gathering

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
    for group in range(STATEMENTS_AT_ONCE):
        asked += [asyncio.create_task(gathering.ask(number)) for number in (10 * group, 10 * group + 1)]
        await until_reading(library, group + 1)
    asked += [asyncio.create_task(gathering.ask(100 + number)) for number in range(MOST_AT_ONCE + 3)]
    await asyncio.sleep(0)
    assert [len(group) for group in library.groups] == [2] * STATEMENTS_AT_ONCE
    library.let_go.set()
    assert await asyncio.gather(*asked) == [0, 2, 20, 22, *(200 + 2 * number for number in range(MOST_AT_ONCE + 3))]
    assert sorted(len(group) for group in library.groups) == [2, 2, 3, MOST_AT_ONCE]
    assert await gathering.ask(7) == 14


async def test_each_of_a_group_is_told_that_it_failed_and_the_next_reading_goes_on():
    library = Library()
    library.let_go.set()
    library.error = DatabaseUnavailable()
    gathering = Gathering(library.read)
    failed = await asyncio.gather(*(gathering.ask(number) for number in range(3)), return_exceptions=True)
    assert [type(error) for error in failed] == [DatabaseUnavailable] * 3
    library.error = None
    assert await gathering.ask(4) == 8


async def test_one_who_hangs_up_takes_the_answer_from_nobody():
    library = Library()
    gathering = Gathering(library.read)
    asked = [asyncio.create_task(gathering.ask(number)) for number in range(2)]
    await until_reading(library, 1)
    asked[0].cancel()
    library.let_go.set()
    assert await asked[1] == 2
    with pytest.raises(asyncio.CancelledError):
        await asked[0]
