"""Monthly partitions of append-only tables, keyed by their UUIDv7 ids."""

import asyncio
import logging
from datetime import UTC, datetime

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.foundation.clock import Clock
from app.foundation.db import Database, Transaction, set_lock_timeout
from app.foundation.errors import Unavailable
from app.foundation.ids import first_id_at

MONTHS_AHEAD = 3
KEEP_SECONDS = 6 * 3600.0
LOCK_TIMEOUT_MILLISECONDS = 1000
PARTITIONED_TABLES = ("audit_entries", "refresh_tokens")

_logger = logging.getLogger(__name__)


async def ensure_partitions(tx: Transaction, now: datetime) -> None:
    """Create the partitions of this month and the next three where they are missing.

    Idempotent; an advisory lock makes two processes at once take turns. Rows outside every month fall into
    the default partition that the migration made, so that a late run loses nothing.
    """
    await tx.execute(text("SELECT pg_advisory_xact_lock(hashtext('partitions'))"))
    for table in PARTITIONED_TABLES:
        for ahead in range(MONTHS_AHEAD + 1):
            start, end = month_at(now, ahead), month_at(now, ahead + 1)
            name = f"{table}_p{start:%Y%m}"
            exists = await tx.scalar(text("SELECT to_regclass(:name) IS NOT NULL"), {"name": name})
            if not exists:
                bounds = f"FROM ('{first_id_at(start)}') TO ('{first_id_at(end)}')"
                await tx.execute(text(f"CREATE TABLE {name} PARTITION OF {table} FOR VALUES {bounds}"))


def month_at(now: datetime, ahead: int) -> datetime:
    """The first moment of the month `ahead` months after `now`'s."""
    years, month = divmod(now.month - 1 + ahead, 12)
    return datetime(now.year + years, month + 1, 1, tzinfo=UTC)


async def keep_partitions(db: Database, clock: Clock, *, every_seconds: float = KEEP_SECONDS) -> None:
    """Make the coming months' partitions now and every few hours, for ever: a process may live for years.

    Where the process's database role may not create tables, `migrate` must run once in three months; the log
    says so, and the default partition takes what comes until then.
    """
    while True:
        try:
            async with db.transaction() as tx:
                await set_lock_timeout(tx, LOCK_TIMEOUT_MILLISECONDS)
                await ensure_partitions(tx, clock.now())
        except (Unavailable, DBAPIError) as error:
            _logger.warning("the partitions of the coming months could not be made: %s", error)
        await asyncio.sleep(every_seconds)
