"""When keys were last used: noted in memory, written every few seconds."""

import asyncio
import logging
from datetime import datetime
from uuid import UUID

from sqlalchemy.exc import DBAPIError

from app.apikeys import store
from app.foundation.clock import Clock
from app.foundation.db import Database
from app.foundation.errors import Unavailable

FLUSH_SECONDS = 3.0
PRECISION_SECONDS = 60
"""A use this soon after the last one that was written is not written again."""
MAX_NOTED = 20_000

_logger = logging.getLogger(__name__)


class LastUses:
    """Keeps a use from costing a write. What was not written when the process ends is lost, and does no harm."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._noted: dict[UUID, datetime] = {}

    def note(self, row_id: UUID, *, now: datetime, written: float | None) -> None:
        """Note that a key was used, given what its row says of its last use, in seconds since 1970."""
        if (written is None or now.timestamp() - written >= PRECISION_SECONDS) and len(self._noted) < MAX_NOTED:
            self._noted[row_id] = now

    async def flush(self) -> int:
        """Write what was noted, by one statement; return how many keys that were. Raises DatabaseUnavailable."""
        noted, self._noted = self._noted, {}
        if noted:
            async with self._db.transaction() as tx:
                await store.note_uses(tx, noted)
        return len(noted)

    async def keep(self) -> None:
        """Write every few seconds for as long as the process lives: the coroutine of a background task."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                await self.flush()
            except (Unavailable, DBAPIError) as error:
                _logger.warning("uses of API keys were not written: %s", error)
