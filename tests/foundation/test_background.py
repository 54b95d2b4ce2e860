"""Work beside the requests: it is started again when it ends, and says so; and the clock is kept."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from app.foundation.background import Background
from app.foundation.clock import Clock
from app.foundation.discipline import keep_time
from app.foundation.errors import Unavailable

pytestmark = pytest.mark.anyio


async def test_work_that_breaks_is_started_again_and_counts_as_broken_until_it_runs_well():
    runs = 0
    again = asyncio.Event()

    async def work() -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise ValueError("a fault of ours")
        again.set()
        await asyncio.Event().wait()

    background = Background(restart_seconds=0.01, mended_seconds=0.05)
    background.start("follower", work)
    await asyncio.wait_for(again.wait(), 60)
    assert background.broken == ("follower",)
    async with asyncio.timeout(60):
        while background.broken:
            await asyncio.sleep(0.01)
    await background.stop()
    assert runs == 2


async def test_stopping_ends_everything_and_starts_nothing_again():
    ended = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async def broken() -> None:
        raise ValueError

    background = Background(restart_seconds=0.01)
    background.start("one", work)
    background.start("two", broken)
    await asyncio.sleep(0)
    await background.stop()
    await asyncio.sleep(0.03)
    assert ended == [True]
    assert [task for task in asyncio.all_tasks() if task.get_name() in {"one", "two"}] == []


async def test_work_whose_driver_loses_a_cancellation_is_told_again():
    lost = 0

    async def work() -> None:
        nonlocal lost
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                lost += 1
                if lost == 2:
                    raise

    background = Background()
    background.start("wake-up", work)
    await asyncio.sleep(0)
    async with asyncio.timeout(60):
        await background.stop()
    assert lost == 2


async def test_work_that_finishes_what_it_has_in_hand_is_told_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("app.foundation.background.TOLD_AGAIN_SECONDS", 0.01)
    done = False

    async def work() -> None:
        nonlocal done
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.2)
            done = True

    background = Background()
    background.start("jobs", work, finishes=True)
    await asyncio.sleep(0)
    await background.stop()
    assert done


async def test_the_clock_follows_the_database_and_survives_its_absence():
    clock = Clock()
    answers = [Unavailable(), timedelta(seconds=30), timedelta(seconds=-5)]
    measured = asyncio.Event()

    async def database_time() -> datetime:
        if not answers:
            measured.set()
            return await asyncio.Event().wait() or datetime.now(UTC)
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return datetime.now(UTC) + answer

    task = asyncio.create_task(keep_time(clock, database_time, every_seconds=0.001))
    await asyncio.wait_for(measured.wait(), 5)
    task.cancel()
    assert abs(clock.measured_offset - timedelta(seconds=-5)) < timedelta(seconds=1)
    assert clock.is_trustworthy
