"""How far the feed and the chain are behind what has committed."""

from datetime import datetime

from app.foundation.clock import Clock
from app.foundation.db import Database
from app.foundation.metrics import Gauge
from app.revocation.follow import Follower

_UNNUMBERED = Gauge(
    "revocations_oldest_unnumbered_seconds",
    "The age of the oldest revocation that was not published yet; 0 when none waits.",
    unit="seconds",
    across="max",
)
_UNCHAINED = Gauge(
    "audit_oldest_unchained_seconds",
    "The age of the oldest audit entry that has no place in the chain yet; 0 when none waits.",
    unit="seconds",
    across="max",
)
_AGE = Gauge(
    "revocation_follower_age_seconds",
    "How long ago a process last knew every revocation there was.",
    unit="seconds",
    across="max",
)
# Partial indexes in the order of ids, which is that of time.
_OLDEST = """
    SELECT (SELECT created_at FROM revocations WHERE seq IS NULL ORDER BY id LIMIT 1) AS revocation,
      (SELECT at FROM audit_entries WHERE number IS NULL ORDER BY id LIMIT 1) AS entry
    """


async def oldest_waiting(db: Database, clock: Clock) -> tuple[float, float]:
    """How old, in seconds, the oldest unpublished revocation and the oldest unchained entry are. 0 where none waits.

    Raises DatabaseUnavailable.
    """
    row = await db.fetchrow(_OLDEST, repeatable=True)
    if row is None:
        return 0.0, 0.0
    return _age(row["revocation"], clock), _age(row["entry"], clock)


async def sample_feed(db: Database, clock: Clock, follower: Follower) -> None:
    """Bring the gauges up to date. Raises DatabaseUnavailable."""
    if follower.age_seconds is not None:
        _AGE.set(follower.age_seconds)
    unnumbered, unchained = await oldest_waiting(db, clock)
    _UNNUMBERED.set(unnumbered)
    _UNCHAINED.set(unchained)


def _age(moment: datetime | None, clock: Clock) -> float:
    return 0.0 if moment is None else max(0.0, (clock.now() - moment).total_seconds())
