"""How webhooks fare, for the metrics."""

from app.foundation.clock import Clock
from app.foundation.db import Database
from app.foundation.metrics import Gauge

_AGE = Gauge(
    "webhooks_oldest_pending_seconds",
    "The age of the oldest delivery to a healthy webhook that is not delivered yet; 0 when there is none.",
    unit="seconds",
    across="max",
)
_ENDPOINTS = Gauge(
    "webhooks",
    "Webhooks by how they fare.",
    unit="webhooks",
    across="max",
    state=("active", "failing", "paused", "disabled"),
)
_OLDEST = """
SELECT min(d.created_at) AS created_at FROM webhook_endpoints e CROSS JOIN LATERAL (
  SELECT created_at FROM webhook_deliveries w
  WHERE w.endpoint_id = e.id AND w.state IN ('pending', 'sending') ORDER BY w.due_at LIMIT 1) d
WHERE e.deleted_at IS NULL AND NOT e.disabled AND e.paused_at IS NULL AND e.failures = 0
"""
_COUNT = """
SELECT count(*) FILTER (WHERE disabled) AS disabled,
  count(*) FILTER (WHERE NOT disabled AND paused_at IS NOT NULL) AS paused,
  count(*) FILTER (WHERE NOT disabled AND paused_at IS NULL AND failures >= $1) AS failing,
  count(*) FILTER (WHERE NOT disabled AND paused_at IS NULL AND failures < $1) AS active
FROM webhook_endpoints WHERE deleted_at IS NULL
"""


async def sample_webhooks(db: Database, clock: Clock, *, outage_failures: int) -> None:
    """Bring the gauges up to date. Raises DatabaseUnavailable."""
    row = await db.fetchrow(_OLDEST, repeatable=True)
    oldest = None if row is None else row["created_at"]
    _AGE.set(0.0 if oldest is None else max(0.0, (clock.now() - oldest).total_seconds()))
    counts = await db.fetchrow(_COUNT, outage_failures, repeatable=True)
    for state, count in (counts or {}).items():
        _ENDPOINTS.set(count, state)
