"""How long jobs that are due have waited for a worker."""

from app.foundation.db import Database
from app.foundation.metrics import Gauge

_AGE = Gauge(
    "jobs_oldest_due_seconds",
    "For how long the oldest job that is due has waited for a worker; 0 when none does.",
    unit="seconds",
    across="max",
)
# The queue keeps the database's time; ended jobs leave the table, so that it is short.
_OLDEST = """
SELECT extract(epoch FROM now() - min(execute_after))::float8 AS seconds FROM pgqueuer
WHERE status = 'queued' AND execute_after <= now()
"""


async def sample_jobs(db: Database) -> None:
    """Bring the gauge up to date. Raises DatabaseUnavailable."""
    row = await db.fetchrow(_OLDEST, repeatable=True)
    _AGE.set(0.0 if row is None or row["seconds"] is None else row["seconds"])
