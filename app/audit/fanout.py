"""From committed events to those who subscribed to them.

A feature's `jobs.py` offers its subscriptions; the worker collects them. Rows are claimed by status, never by "id
greater than last": ids commit out of order.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from app.foundation.db import Database
from app.foundation.job import Claimed, Job

KIND = "event"

_CLAIM = """
UPDATE events SET status = 'done' WHERE id IN (
  SELECT id FROM events WHERE status = 'pending' ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED
) RETURNING id, type, subject, created_at, payload
"""
# One worker at a time, or what a second one claims later could be collected before what the first one claimed.
_TURN = "SELECT pg_try_advisory_xact_lock(hashtext('fan-out'))"
_FIND = "SELECT id, type, subject, created_at, payload FROM events WHERE id = $1"


@dataclass(frozen=True, slots=True, kw_only=True)
class PastEvent:
    """An event as it was recorded."""

    id: UUID
    type: str
    subject: str | None
    at: datetime
    details: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Subscription:
    """Who is told of events of a type. `name` tells subscribers of one type apart, and outlives a release.

    The handler is told at least once and must bear to be told again; an exception means: again later.
    """

    event_type: str
    handler: Callable[[PastEvent], Awaitable[None]]
    name: str


Collect = Callable[["asyncpg.Connection", Sequence[PastEvent]], Awaitable[None]]
"""Writes rows of its own for events, in the transaction that claims them and in the order in which they happened.

For whoever must keep that order: a job of the queue runs when it likes.
"""


class Fanout:
    """Makes a job for each subscription of each event, and runs it. Raises ValueError for a name given twice."""

    def __init__(self, db: Database, subscriptions: Sequence[Subscription], collectors: Sequence[Collect] = ()) -> None:
        self._db = db
        self._collectors = tuple(collectors)
        self._handlers = {(each.event_type, each.name): each.handler for each in subscriptions}
        self._names: dict[str, list[str]] = {}
        for each in subscriptions:
            self._names.setdefault(each.event_type, []).append(each.name)
        if len(self._handlers) != len(subscriptions):
            raise ValueError("two subscriptions to one type of event have the same name")

    async def claim(self, connection: "asyncpg.Connection", limit: int) -> Claimed:
        """A feed: pending events are done with, and each of their subscriptions is a job from then on."""
        if not await connection.fetchval(_TURN):
            return Claimed(0, [])
        rows = sorted(await connection.fetch(_CLAIM, limit), key=lambda row: row["id"])
        if rows:
            events = [_past_event(row) for row in rows]
            for collect in self._collectors:
                await collect(connection, events)
        jobs = [
            Job(KIND, f"{KIND}:{row['id']}:{name}", json.dumps([str(row["id"]), name]))
            for row in rows
            for name in self._names.get(row["type"], ())
        ]
        return Claimed(len(rows), jobs)

    async def tell(self, argument: str) -> None:
        """Tell one subscriber of one event. What was purged, or has no subscriber any more, is let be."""
        event_id, name = json.loads(argument)
        row = await self._db.fetchrow(_FIND, UUID(event_id), repeatable=True)
        if row is None:
            return
        handler = self._handlers.get((row["type"], name))
        if handler is None:
            return
        await handler(_past_event(row))


def _past_event(row: "asyncpg.Record") -> PastEvent:
    details = json.loads(row["payload"])
    return PastEvent(id=row["id"], type=row["type"], subject=row["subject"], at=row["created_at"], details=details)
