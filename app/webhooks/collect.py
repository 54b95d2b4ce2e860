"""From events to deliveries, in the transaction that fans the events out and in their order."""

from collections.abc import Sequence
from datetime import timedelta

import asyncpg

from app.audit.fanout import PastEvent
from app.foundation.clock import Clock
from app.foundation.ids import new_id
from app.webhooks import rules

# Held until the deliveries are written: see `app.webhooks.queue`. In one order, so that nobody waits in a circle.
_LISTENING = """
SELECT id, event_types FROM webhook_endpoints
WHERE deleted_at IS NULL AND NOT disabled AND event_types && $1::text[] ORDER BY id FOR UPDATE
"""
_ADD = """
INSERT INTO webhook_deliveries
  (id, endpoint_id, event_id, event_type, object, body, state, due_at, created_at, expires_at)
SELECT n.id, n.endpoint_id, n.event_id, n.event_type, n.object, n.body,
  CASE WHEN row_number() OVER (PARTITION BY n.endpoint_id, n.object ORDER BY n.place) > 1 OR EXISTS (
    SELECT 1 FROM webhook_deliveries o WHERE o.endpoint_id = n.endpoint_id AND o.object = n.object
      AND o.state IN ('queued', 'pending', 'sending')) THEN 'queued' ELSE 'pending' END,
  $7, $7, $8
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[])
  WITH ORDINALITY AS n (id, endpoint_id, event_id, event_type, object, body, place)
ORDER BY n.place
ON CONFLICT (endpoint_id, event_id) DO NOTHING
"""


# Deliveries are listed by their ids: those of one claim in the order of their events too.
_APART = timedelta(microseconds=1)


class Collector:
    """Writes a delivery for each event and each endpoint that listens to its type."""

    def __init__(self, clock: Clock, *, retry: timedelta) -> None:
        self._clock = clock
        self._retry = retry

    async def collect(self, connection: "asyncpg.Connection", events: Sequence[PastEvent]) -> None:
        """Write the deliveries of events that were just claimed, which come in their order."""
        told = [event for event in events if event.type in rules.DETAILS]
        if not told:
            return
        asked = sorted({event.type for event in told} | {rules.EVERY_TYPE})
        listening = await connection.fetch(_LISTENING, asked)
        if not listening:
            return
        now = self._clock.now()
        rows = []
        for place, event in enumerate(told):
            lane = rules.object_of(event.type, event.subject, event.id)
            body = rules.body_of(event.id, event.type, event.at, event.subject, event.details)
            rows += [
                (new_id(now + place * _APART), endpoint["id"], event.id, event.type, lane, body)
                for endpoint in listening
                if event.type in endpoint["event_types"] or rules.EVERY_TYPE in endpoint["event_types"]
            ]
        columns = [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(6)]
        await connection.execute(_ADD, *columns, now, now + self._retry)
