"""A small registry that every process keeps whole in its memory, so that looking something up asks no database.

It is read again every second, and at once when something is asked for that it does not hold. While the
database is away the last reading serves.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import asyncpg

from app.foundation.db import Database, DatabaseUnavailable
from app.foundation.errors import Unavailable

FOLLOW_SECONDS = 1.0

Value = TypeVar("Value")

_logger = logging.getLogger(__name__)


class Snapshot(Generic[Value]):
    """What `statement` returns, in the form that `parse` gives it.

    `statement` yields one row with one text, which is parsed only when it differs from the last. `prepare` is
    awaited with a new value before anyone sees it; if it fails, the reading has failed.
    """

    def __init__(
        self,
        db: Database,
        statement: str,
        parse: Callable[[str], Value],
        *,
        empty: Value,
        prepare: Callable[[Value], Awaitable[None]] | None = None,
    ) -> None:
        self._db = db
        self._statement = statement
        self._parse = parse
        self._prepare = prepare
        self._text: str | None = None
        self._turn = asyncio.Lock()
        self._read_at = float("-inf")
        self._failure: Unavailable | None = None
        self.value = empty

    async def load(self) -> None:
        """Read the registry now. Raises DatabaseUnavailable and leaves the last reading."""
        async with self._turn:
            await self._read()

    async def load_unless(self, sufficient: Callable[[Value], bool], *, least_seconds: float = 0.0) -> None:
        """Read the registry unless it already holds what is needed; callers at one moment share a reading.

        Within `least_seconds` of the last such attempt nothing is read, so that asking for what does not exist
        costs the database nothing; DatabaseUnavailable is raised where that attempt failed.
        """
        async with self._turn:
            if sufficient(self.value):
                return
            now = asyncio.get_running_loop().time()
            if now - self._read_at >= least_seconds:
                try:
                    await self._read()
                finally:
                    self._read_at = asyncio.get_running_loop().time()
            elif self._failure is not None:
                raise DatabaseUnavailable(detail="the last reading failed") from self._failure

    async def follow(self) -> None:
        """Read the registry for as long as the process lives."""
        failing = False
        while True:
            try:
                await self.load()
            except (Unavailable, asyncpg.PostgresError) as error:
                if not failing:
                    _logger.warning("a registry cannot be read; the last reading serves: %s", error)
                failing = True
            else:
                failing = False
            await asyncio.sleep(FOLLOW_SECONDS)

    async def _read(self) -> None:
        try:
            row = await self._db.fetchrow(self._statement)
            text: str = row[0] if row is not None else ""
            if text != self._text:
                value = self._parse(text)
                if self._prepare is not None:
                    await self._prepare(value)
                self.value, self._text = value, text
        except Unavailable as error:
            self._failure = error
            raise
        self._failure = None
