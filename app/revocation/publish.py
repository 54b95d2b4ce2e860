"""Numbering: one process at a time gives each committed revocation its place.

Who leads holds an advisory lock of its database session, and numbers by statements of that same session: when the
session is gone, so is the lock, and nothing more can be numbered by it. The server itself ends the session of a
leader that has said nothing for a third of a second, because a frozen process, or one behind a cut wire, keeps its
connection, and with it the lock, for as long as it likes.
"""

import asyncio
import logging
import os
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg

from app.foundation.metrics import Gauge

BATCH = 500
# With the tenth of a second in which the others look, a dead or frozen leader is replaced within half a second.
SILENCE_SECONDS = 0.35
_LONGEST_SILENCE_SECONDS = 5.0
_LOCK = "revocation publisher"

# One snapshot each. The setting goes with the lock: in between, nobody could end a frozen session.
_LOOK = """
    SELECT epoch, last_seq, clock_timestamp() AS as_of,
      CASE WHEN pg_try_advisory_lock(hashtextextended($1, 0))
        THEN set_config('idle_session_timeout', $2, false) IS NOT NULL ELSE false END AS leads
    FROM revocation_feed WHERE id = 1
    """

# One statement is one transaction: all its rows become visible at once, and before those of the next one.
_NUMBER = """
    WITH fresh AS MATERIALIZED (
      SELECT id, row_number() OVER (ORDER BY id) AS place
      FROM (SELECT id FROM revocations WHERE seq IS NULL ORDER BY id LIMIT $1) AS waiting
    ), feed AS (
      UPDATE revocation_feed SET last_seq = last_seq + (SELECT count(*) FROM fresh)
      WHERE id = 1 AND EXISTS (SELECT FROM fresh) RETURNING last_seq
    ), numbered AS (
      UPDATE revocations r SET seq = feed.last_seq - (SELECT count(*) FROM fresh) + fresh.place
      FROM fresh, feed WHERE r.id = fresh.id RETURNING r.id
    )
    SELECT f.epoch, coalesce((SELECT last_seq FROM feed), f.last_seq) AS last_seq, clock_timestamp() AS as_of,
      (SELECT count(*) FROM numbered) AS numbered
    FROM revocation_feed f WHERE f.id = 1
    """

# A table that was emptied starts anew, under another epoch.
_BEGIN = """
    INSERT INTO revocation_feed (id, epoch, last_seq)
    SELECT 1, gen_random_uuid(), coalesce(max(seq), 0) FROM revocations ON CONFLICT DO NOTHING
    """

_LEADS = Gauge(
    "revocation_publishers",
    "Processes that number revocations and chain the audit log.",
    unit="processes",
    across="sum",
)
_logger = logging.getLogger(__name__)


class Position(NamedTuple):
    """How far the feed has come. `as_of` is the database's time when that was so."""

    epoch: UUID
    last_seq: int
    as_of: datetime


class Publisher:
    """One process's part in it: it leads, or waits until nobody does. `connection` is the process's own, not pooled."""

    def __init__(self) -> None:
        self.leads = False
        self._trip_seconds: float | None = None
        self._heard_at = 0.0

    def lost_its_turn(self) -> bool:
        """Whether the server must have ended the session for its silence: this process was starved for so long."""
        return self.leads and asyncio.get_running_loop().time() - self._heard_at > SILENCE_SECONDS

    def reset(self) -> None:
        """The connection is gone, and with it the lock."""
        if self.leads:
            _logger.info("this process no longer publishes revocations")
        self.leads = False
        self._trip_seconds = None
        _LEADS.set(0)

    async def look(self, connection: "asyncpg.Connection") -> tuple[Position, int]:
        """Where the feed stands, after numbering what waited if this process leads or can; how many were numbered."""
        if not self.leads:
            position = await self._try_to_lead(connection)
            if not self.leads:
                return position, 0
        row = await connection.fetchrow(_NUMBER, BATCH)
        self._heard_at = asyncio.get_running_loop().time()
        if row is None:
            return await self._begin(connection), 0
        return Position(row["epoch"], row["last_seq"], row["as_of"]), row["numbered"]

    async def _try_to_lead(self, connection: "asyncpg.Connection") -> Position:
        if self._trip_seconds is None:
            self._trip_seconds = await _trip(connection)
        # Where every answer takes long, the server hears of an honest leader as much later.
        silence = min(SILENCE_SECONDS + 2 * self._trip_seconds, _LONGEST_SILENCE_SECONDS)
        row = await connection.fetchrow(_LOOK, _LOCK, str(int(silence * 1000)))
        if row is None:
            return await self._begin(connection)
        if row["leads"]:
            self.leads = True
            _LEADS.set(1)
            _logger.info("this process publishes revocations", extra={"pid": os.getpid()})
        return Position(row["epoch"], row["last_seq"], row["as_of"])

    async def _begin(self, connection: "asyncpg.Connection") -> Position:
        await connection.execute(_BEGIN)
        row = await connection.fetchrow("SELECT epoch, last_seq, clock_timestamp() AS as_of FROM revocation_feed")
        return Position(row["epoch"], row["last_seq"], row["as_of"])


async def _trip(connection: "asyncpg.Connection") -> float:
    """How long the simplest question takes."""
    loop = asyncio.get_running_loop()
    began_at = loop.time()
    await connection.fetchval("SELECT 1")
    return loop.time() - began_at
