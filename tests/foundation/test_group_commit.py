"""Entries of one moment are written together, and each caller waits for its own."""

import asyncio

import pytest

from app.foundation.db import DatabaseUnavailable
from app.foundation.errors import Unavailable
from app.foundation.group_commit import MOST_AT_ONCE, MOST_WAITING, GroupCommit

pytestmark = pytest.mark.anyio


class Ledger:
    """What is written to; holds writes back until it is let go."""

    def __init__(self):
        self.groups = []
        self.let_go = asyncio.Event()
        self.error = None

    async def write(self, entries):
        self.groups.append(list(entries))
        await self.let_go.wait()
        if self.error is not None:
            raise self.error
        return [entry * 2 for entry in entries]


async def test_who_comes_while_others_are_written_goes_with_the_next_group():
    ledger = Ledger()
    commit = GroupCommit(ledger.write)
    first = asyncio.create_task(commit.join(1))
    while not ledger.groups:
        await asyncio.sleep(0)
    others = [asyncio.create_task(commit.join(number)) for number in range(2, 2 + MOST_AT_ONCE + 5)]
    await asyncio.sleep(0)
    assert not first.done()
    ledger.let_go.set()
    assert await first == 2
    assert await asyncio.gather(*others) == [number * 2 for number in range(2, 2 + MOST_AT_ONCE + 5)]
    assert [len(group) for group in ledger.groups] == [1, MOST_AT_ONCE, 5]


async def test_groups_that_begin_apart_gather_whoever_comes_in_between():
    ledger = Ledger()
    ledger.let_go.set()
    commit = GroupCommit(ledger.write, apart_seconds=0.5)
    await commit.join(1)
    assert await asyncio.gather(commit.join(2), commit.join(3)) == [4, 6]
    assert ledger.groups == [[1], [2, 3]]


async def test_each_of_a_group_is_told_that_it_failed_and_the_next_group_is_written():
    ledger = Ledger()
    ledger.let_go.set()
    ledger.error = DatabaseUnavailable()
    commit = GroupCommit(ledger.write)
    failed = await asyncio.gather(*(commit.join(number) for number in range(3)), return_exceptions=True)
    assert [type(error) for error in failed] == [DatabaseUnavailable] * 3
    ledger.error = None
    assert await commit.join(4) == 8


async def test_one_who_hangs_up_takes_the_outcome_from_nobody():
    ledger = Ledger()
    commit = GroupCommit(ledger.write)
    waiting = [asyncio.create_task(commit.join(number)) for number in range(2)]
    while not ledger.groups:
        await asyncio.sleep(0)
    waiting[0].cancel()
    ledger.let_go.set()
    assert await waiting[1] == 2


async def test_whoever_comes_when_too_many_wait_is_sent_away():
    ledger = Ledger()
    commit = GroupCommit(ledger.write)
    waiting = [asyncio.create_task(commit.join(number)) for number in range(MOST_WAITING + 1)]
    ledger.let_go.set()
    told = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(error) for error in told if isinstance(error, Exception)] == [Unavailable]
