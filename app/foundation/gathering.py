"""Reading for many requests of one moment by one statement.

Requests of one moment share a statement, and while two are under way the next ones gather for the third: the busier
the process, the cheaper each look-up. What is read was always asked for after the request came: nothing is kept.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from app.foundation.db import DatabaseUnavailable

STATEMENTS_AT_ONCE = 2
MOST_AT_ONCE = 500

Question = TypeVar("Question")
Found = TypeVar("Found")

_Waiting = tuple[Question, asyncio.Future[Found]]


class Gathering(Generic[Question, Found]):
    """Puts questions together and has them answered by `read`, which says something to each, in their order."""

    def __init__(self, read: Callable[[Sequence[Question]], Awaitable[Sequence[Found]]]) -> None:
        self._read = read
        self._waiting: list[_Waiting[Question, Found]] = []
        self._readers: set[asyncio.Task[None]] = set()
        self._starting = False

    async def ask(self, question: Question) -> Found:
        """What the reading says to a question. Raises what the reading raises."""
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Found] = loop.create_future()
        self._waiting.append((question, answered))
        if not self._starting and len(self._readers) < STATEMENTS_AT_ONCE:
            # It begins when all requests of this turn of the loop have asked.
            self._starting = True
            reader = loop.create_task(self._read_all())
            self._readers.add(reader)
            reader.add_done_callback(self._readers.discard)
        return await answered

    async def _read_all(self) -> None:
        self._starting = False
        while self._waiting:
            group, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
            await self._read_group(group)

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
