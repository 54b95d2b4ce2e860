"""Durable group commit: entries that come at one moment are written by one statement, and each waits for it.

For acts that change nothing else in the database. Fire and forget would be no faster, and could forget.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from app.foundation.errors import Unavailable

MOST_AT_ONCE = 64
# While others are being written, the next ones gather; where many come, so much longer. Well below what a caller feels.
GATHER_SECONDS = 0.002
# Beyond this the database does not keep up, and who comes now would wait longer than any client does.
MOST_WAITING = 4096

Entry = TypeVar("Entry")
Outcome = TypeVar("Outcome")

_Waiting = tuple[Entry, asyncio.Future[Outcome]]


class GroupCommit(Generic[Entry, Outcome]):
    """Writes entries in groups by `write`, which has committed when it returns, with an outcome for each.

    One group is under way at a time, so that entries are written in the order in which they came. No two groups begin
    within `apart_seconds` of each other: for writes of several statements, which are worth more company.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Entry]], Awaitable[Sequence[Outcome]]],
        *,
        gather_seconds: float = GATHER_SECONDS,
        apart_seconds: float = 0.0,
    ) -> None:
        self._write = write
        self._gather_seconds = gather_seconds
        self._apart_seconds = apart_seconds
        self._next_at = 0.0
        self._waiting: list[_Waiting[Entry, Outcome]] = []
        self._writer: asyncio.Task[None] | None = None

    async def join(self, entry: Entry) -> Outcome:
        """Have an entry written and return its outcome. Raises what the write raises, and Unavailable when overrun."""
        if len(self._waiting) >= MOST_WAITING:
            raise Unavailable(detail="too many entries wait to be written")
        loop = asyncio.get_running_loop()
        written: asyncio.Future[Outcome] = loop.create_future()
        self._waiting.append((entry, written))
        if self._writer is None:
            self._writer = loop.create_task(self._write_all())
        return await written

    async def _write_all(self) -> None:
        busy, loop = False, asyncio.get_running_loop()
        try:
            while self._waiting:
                # Alone, an entry waits for nobody; amid others it waits a moment for them.
                gathered = self._gather_seconds if busy and len(self._waiting) < MOST_AT_ONCE else 0
                await asyncio.sleep(max(gathered, self._next_at - loop.time()))
                self._next_at = loop.time() + self._apart_seconds
                group, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
                busy = len(group) > 1
                await self._write_group(group)
        finally:
            self._writer = None

    async def _write_group(self, group: list[_Waiting[Entry, Outcome]]) -> None:
        # Each caller is answered by whatever the write ends with, an exception too; the writer goes on.
        [ended] = await asyncio.gather(self._write([entry for entry, _ in group]), return_exceptions=True)
        if isinstance(ended, BaseException):
            for _, written in group:
                if not written.done():
                    written.set_exception(ended)
            return
        for (_, written), outcome in zip(group, ended, strict=True):
            if not written.done():
                written.set_result(outcome)
