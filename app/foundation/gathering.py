"""One statement for many requests of one moment: each asks or writes its own, and is told what came of it.

Requests of one moment share a statement, and while as many as may are under way the next ones gather: the busier the
process, the cheaper each of them. Nothing is kept: what is told was read, or is durable, after the request came. Fire
and forget would be no faster, and could forget.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from app.foundation.db import DatabaseUnavailable
from app.foundation.errors import Unavailable

Question = TypeVar("Question")
Found = TypeVar("Found")

_Waiting = tuple[Question, asyncio.Future[Found]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How many statements are under way at one time, and how many questions one of them takes at most.

    Amid others, the next ones are awaited for `pause_seconds`: well below what a caller feels. No reader begins two
    statements within `apart_seconds`: for those of several parts, which are worth more company. Beyond `most_waiting`
    the database does not keep up, and who comes now would wait longer than any client does.
    """

    at_once: int = 2
    most: int = 500
    pause_seconds: float = 0.0
    apart_seconds: float = 0.0
    most_waiting: float = math.inf


READING = Pace()

WRITING = Pace(at_once=1, most=64, pause_seconds=0.002, most_waiting=4096)
"""Entries are written in the order in which they come."""


class Gathering(Generic[Question, Found]):
    """Puts questions together and has them answered by `read`, which says something to each, in their order.

    Where `read` writes, it has committed when it returns.
    """

    def __init__(self, read: Callable[[Sequence[Question]], Awaitable[Sequence[Found]]], pace: Pace = READING) -> None:
        self._read = read
        self._pace = pace
        self._waiting: list[_Waiting[Question, Found]] = []
        self._under_way = 0
        self._next_at = 0.0
        self._starting = False
        # The loop itself keeps no task alive.
        self._readers: set[asyncio.Task[None]] = set()

    async def ask(self, question: Question) -> Found:
        """What the reading says to a question. Raises what the reading raises, and Unavailable when overrun."""
        if len(self._waiting) >= self._pace.most_waiting:
            raise Unavailable(detail="too many wait for the database")
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Found] = loop.create_future()
        self._waiting.append((question, answered))
        if not self._starting and self._under_way < self._pace.at_once:
            # It begins when all requests of this turn of the loop have asked.
            self._starting = True
            self._under_way += 1
            reader = loop.create_task(self._read_all())
            self._readers.add(reader)
            reader.add_done_callback(self._readers.discard)
        return await answered

    async def _read_all(self) -> None:
        self._starting = False
        busy, pace, loop = False, self._pace, asyncio.get_running_loop()
        try:
            while self._waiting:
                # Alone, a question waits for nobody; amid others it waits a moment for them.
                gathering = pace.pause_seconds if busy and len(self._waiting) < pace.most else 0.0
                wait = max(gathering, self._next_at - loop.time()) if pace.apart_seconds else gathering
                if wait > 0 or pace.pause_seconds:
                    # At the least for a turn of the loop: who came with the same read of the sockets asks in it.
                    await asyncio.sleep(wait)
                self._next_at = loop.time() + pace.apart_seconds
                group, self._waiting = self._waiting[: pace.most], self._waiting[pace.most :]
                busy = len(group) > 1
                if group:
                    await self._read_group(group)
        finally:
            # At once, not when the task is looked at: whoever asks in between would wait for nobody.
            self._under_way -= 1

    async def _read_group(self, group: Sequence[_Waiting[Question, Found]]) -> None:
        # Each who asked is told whatever the reading ends with, an exception too; the reader goes on.
        [ended] = await asyncio.gather(self._read([question for question, _ in group]), return_exceptions=True)
        if isinstance(ended, BaseException):
            if isinstance(ended, DatabaseUnavailable):
                # Whoever came meanwhile has waited as well, and would wait as long again for the same answer.
                group, self._waiting = [*group, *self._waiting], []
            for _, answered in group:
                if not answered.done():
                    answered.set_exception(ended)
            return
        for (_, answered), found in zip(group, ended, strict=True):
            # Whoever hung up waits no longer.
            if not answered.done():
                answered.set_result(found)
