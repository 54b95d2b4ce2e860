"""Spending what many requests of one moment bring by one statement: refresh tokens, authorization codes."""

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta

import asyncpg
from pydantic_core import to_json

from app.foundation.clock import Clock
from app.foundation.db import Database
from app.foundation.gathering import Gathering, Pace

# Each statement holds the rows of as many people until it has committed.
SPENDING = Pace(at_once=2, most=64, pause_seconds=0.002)

Asked = Mapping[str, object]
"""What one request brings, by the fields of the statement."""

_logger = logging.getLogger(__name__)


class SharedSpending:
    """Has a statement do for many at once what another does for one.

    `statement` takes a JSON list of what is asked, the moment, and `lifetimes`. It yields a row with the column `key`
    for each that it spent, and neither touches nor waits for any other: those are to be tried alone.
    """

    def __init__(self, db: Database, clock: Clock, statement: str, *, key: str, lifetimes: Sequence[timedelta]) -> None:
        self._db = db
        self._clock = clock
        self._statement = statement
        self._key = key
        self._lifetimes = tuple(lifetimes)
        self._gathering = Gathering[Asked, asyncpg.Record | None](self._spend, SPENDING)

    async def spend(self, asked: Asked) -> asyncpg.Record | None:
        """The row of what was spent; None for what is to be tried alone. Raises DatabaseUnavailable."""
        return await self._gathering.ask(asked)

    async def _spend(self, asked: Sequence[Asked]) -> Sequence[asyncpg.Record | None]:
        # What several bring at one moment is for the first of them; the others find it spent.
        first: dict[object, Asked] = {}
        for each in asked:
            first.setdefault(each[self._key], each)
        if len(first) == 1:
            return [None] * len(asked)
        told = to_json(list(first.values()), bytes_mode="hex").decode()
        try:
            rows = await self._db.fetch(self._statement, told, self._clock.now(), *self._lifetimes)
        except asyncpg.PostgresError as error:
            # A statement that failed has done nothing. Whose fault it is shows when each is tried alone.
            _logger.warning("%d cannot be spent together: %s", len(first), type(error).__name__)
            return [None] * len(asked)
        spent = {row[self._key]: row for row in rows}
        return [spent.pop(each[self._key], None) for each in asked]
