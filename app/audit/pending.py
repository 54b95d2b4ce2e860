"""How long events have waited for the worker."""

from app.foundation.clock import Clock
from app.foundation.db import Database
from app.foundation.metrics import Gauge

_AGE = Gauge(
    "events_oldest_pending_seconds",
    "The age of the oldest event that waits to be fanned out; 0 when none does.",
    unit="seconds",
    across="max",
)
# The partial index of pending events is in the order of ids, which is that of time.
_OLDEST = "SELECT created_at FROM events WHERE status = 'pending' ORDER BY id LIMIT 1"


async def sample_pending(db: Database, clock: Clock) -> None:
    """Bring the gauge up to date. Raises DatabaseUnavailable."""
    row = await db.fetchrow(_OLDEST, repeatable=True)
    _AGE.set(0.0 if row is None else max(0.0, (clock.now() - row["created_at"]).total_seconds()))
