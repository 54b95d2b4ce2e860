"""Work on what is due, many at a time, each in a task of its own. What is due is rows that other workers see too."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Collection, Coroutine
from datetime import timedelta
from typing import Generic, TypeVar

from app.foundation.db import DatabaseUnavailable

_AWAY_SECONDS = 1.0

_logger = logging.getLogger(__name__)

Held = TypeVar("Held")


class Dispatch(Generic[Held]):
    """The loop of a worker that takes rows in hand. `one` and `all_of_them` name them in the log.

    Nothing that a task raises ends the loop: its row is taken again once its lease is over.
    """

    def __init__(
        self, *, one: str, all_of_them: str, poll_seconds: float, lease: timedelta, gap_seconds: float = 0.0
    ) -> None:
        self._one = one
        self._all_of_them = all_of_them
        self._poll_seconds = poll_seconds
        self._lease = lease
        self._gap_seconds = gap_seconds
        self._in_hand: dict[asyncio.Task[None], Held] = {}
        self._woken = asyncio.Event()

    @property
    def in_hand(self) -> Collection[Held]:
        """What is worked on now."""
        return self._in_hand.values()

    def start(self, held: Held, work: Coroutine[object, object, None]) -> None:
        """Work on something, beside everything else."""
        task = asyncio.create_task(work)
        self._in_hand[task] = held
        task.add_done_callback(self._put_down)

    async def run(self, take: Callable[[], Awaitable[int]]) -> None:
        """Work until cancelled; what is in hand is finished first. While the database is away it is waited for.

        `take` starts what is due and there is a place for, and returns how many that were. After that there is a rest
        of `gap_seconds`; with nothing due, one of `poll_seconds`, or until a place is free.
        """
        try:
            while True:
                self._woken.clear()
                try:
                    taken = await take()
                except DatabaseUnavailable:
                    _logger.warning("%s wait for the database", self._all_of_them)
                    await asyncio.sleep(_AWAY_SECONDS)
                    continue
                await asyncio.sleep(self._gap_seconds)
                if not taken:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(self._poll_seconds):
                            await self._woken.wait()
        finally:
            if self._in_hand:
                await asyncio.wait(self._in_hand, timeout=self._lease.total_seconds())

    def _put_down(self, task: asyncio.Task[None]) -> None:
        self._in_hand.pop(task, None)
        self._woken.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            _logger.error("%s could not be handled; it is sent again", self._one, exc_info=error)
