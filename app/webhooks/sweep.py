"""Every few minutes: deliveries whose time is over end, also those that nobody tries, and no lane stands still."""

from datetime import timedelta

from sqlalchemy import text

from app.foundation.clock import Clock
from app.foundation.db import Database

_BATCH = 1000
_STALE = timedelta(hours=1)

# What is in hand is left to whoever has it, or will be given it once that one is taken for dead.
_EXPIRE = text(
    """
    WITH over AS (
      UPDATE webhook_deliveries SET state = 'dead', ended_at = :now WHERE id IN (
        SELECT id FROM webhook_deliveries WHERE state IN ('queued', 'pending', 'sending') AND expires_at < :now
          AND (state <> 'sending' OR due_at < :stale) ORDER BY expires_at LIMIT :most FOR UPDATE SKIP LOCKED
      ) RETURNING 1
    ) SELECT count(*) FROM over
    """
)
# A lane loses its first delivery to the statement above without anybody to put the next one in its place.
_PROMOTE = text(
    """
    UPDATE webhook_deliveries SET state = 'pending', due_at = :now WHERE state = 'queued' AND id IN (
      SELECT DISTINCT ON (q.endpoint_id, q.object) q.id FROM webhook_deliveries q
      WHERE q.state = 'queued' AND NOT EXISTS (
        SELECT 1 FROM webhook_deliveries h
        WHERE h.endpoint_id = q.endpoint_id AND h.object = q.object AND h.state IN ('pending', 'sending'))
      ORDER BY q.endpoint_id, q.object, q.position)
    """
)


async def sweep(db: Database, clock: Clock) -> int:
    """End what is over and let lanes go on; return how many deliveries ended."""
    ended = 0
    now = clock.now()
    while True:
        async with db.transaction() as tx:
            count = int(await tx.scalar(_EXPIRE, {"now": now, "stale": now - _STALE, "most": _BATCH}) or 0)
        ended += count
        if count < _BATCH:
            break
    async with db.transaction() as tx:
        await tx.execute(_PROMOTE, {"now": now})
    return ended
