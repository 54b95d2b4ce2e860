"""From ended sessions to notices."""

from collections.abc import Sequence
from datetime import timedelta

import asyncpg

from app.audit.fanout import PastEvent
from app.foundation.clock import Clock
from app.foundation.db import Database
from app.logout import queue
from app.sessions.events import SessionRevoked

# Longer than the time between two looks, so that none is missed while no worker runs for a while.
_LOOKED_BACK = timedelta(days=1)


class LogoutCollector:
    """Writes a notice for each client that is to be told of an ended session. A session ends once for each."""

    def __init__(self, db: Database, clock: Clock, *, retry: timedelta) -> None:
        self._db = db
        self._clock = clock
        self._retry = retry

    async def collect(self, connection: "asyncpg.Connection", events: Sequence[PastEvent]) -> None:
        """Write the notices of events that were just claimed, in the same transaction."""
        ended = [event for event in events if event.type == SessionRevoked.type and event.subject is not None]
        if ended:
            now = self._clock.now()
            sids = [str(event.details["sid"]) for event in ended]
            subs = [event.subject for event in ended]
            await connection.execute(queue.ADD, sids, subs, now, now + self._retry)

    async def collect_run_out(self) -> int:
        """Write the notices of browsers' sessions that came to their limits unused; return how many."""
        now = self._clock.now()
        async with self._db.transaction() as tx:
            return await queue.add_run_out(tx, now=now, since=now - _LOOKED_BACK, until=now + self._retry)
