"""How long mails have waited for their delivery."""

from app.foundation.clock import Clock
from app.foundation.db import Database
from app.foundation.metrics import Gauge

_AGE = Gauge(
    "mails_oldest_pending_seconds",
    "The age of the oldest mail that is neither sent nor given up; 0 when there is none.",
    unit="seconds",
    across="max",
)
_OLDEST = "SELECT created_at FROM mails WHERE state = 'pending' ORDER BY created_at LIMIT 1"


async def sample_mails(db: Database, clock: Clock) -> None:
    """Bring the gauge up to date. Raises DatabaseUnavailable."""
    row = await db.fetchrow(_OLDEST, repeatable=True)
    _AGE.set(0.0 if row is None else max(0.0, (clock.now() - row["created_at"]).total_seconds()))
