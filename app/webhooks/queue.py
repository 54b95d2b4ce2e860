"""Statements on deliveries: how they line up in lanes, are claimed, end, and come again.

Whoever adds to a lane or ends its first delivery holds the endpoint's row: otherwise a delivery that is added while
the one before it ends would wait behind nobody, for ever.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from app.foundation.db import Transaction

_MOST_HASTENED = 1000

# Endpoints that answered lately go first, then those that nothing is known of, then suspects, each in the order of what
# is due. Suspect is who failed last, or lets us wait for an answer now. `greatest`: a worker that was told of a lower
# limit than another may find more in hand than it would allow.
_CLAIM = text(
    """
    WITH room AS (
      SELECT e.id, e.failures > 0 OR hand.slow AS suspect,
        CASE WHEN e.failures > 0 OR hand.slow THEN 1 ELSE CAST(:concurrency AS bigint) END - hand.sent AS free
      FROM webhook_endpoints e CROSS JOIN LATERAL (
        SELECT count(*) AS sent, coalesce(bool_or(s.due_at < :slow), false) AS slow FROM webhook_deliveries s
        WHERE s.endpoint_id = e.id AND s.state = 'sending' AND s.due_at > :now) hand
      WHERE e.deleted_at IS NULL AND NOT e.disabled AND e.paused_at IS NULL
        AND (e.held_until IS NULL OR e.held_until <= :now)
    ), due AS (
      SELECT d.id, room.suspect, known.id IS NULL AS unknown, d.due_at
      FROM room LEFT JOIN unnest(CAST(:prompt_ones AS uuid[])) AS known (id) ON known.id = room.id CROSS JOIN LATERAL (
        SELECT w.id, w.due_at FROM webhook_deliveries w
        WHERE w.endpoint_id = room.id AND w.state IN ('pending', 'sending') AND w.due_at <= :now
        ORDER BY w.due_at LIMIT greatest(room.free, 0) FOR UPDATE SKIP LOCKED) d
    ), chosen AS (
      SELECT id FROM (
        SELECT due.*, row_number() OVER (PARTITION BY suspect ORDER BY unknown, due_at) AS place FROM due) ranked
      WHERE place <= CASE WHEN suspect THEN CAST(:suspects AS bigint) ELSE :prompt END
      ORDER BY suspect, unknown, due_at LIMIT :most
    )
    UPDATE webhook_deliveries w SET state = 'sending', attempts = w.attempts + 1, due_at = :lease
    FROM chosen, webhook_endpoints e WHERE w.id = chosen.id AND e.id = w.endpoint_id
    RETURNING w.id, w.endpoint_id, w.event_id, w.event_type, w.object, w.body, w.attempts, w.expires_at, e.url,
      e.failures > 0 AS suspect
    """
)
_TURN = text("SELECT pg_try_advisory_xact_lock(hashtext('webhook claim'))")
_END = text(
    """
    UPDATE webhook_deliveries SET state = :state, ended_at = :now
    WHERE id = :id AND state = 'sending' AND attempts = :attempts RETURNING id
    """
)
_POSTPONE = text(
    """
    UPDATE webhook_deliveries SET state = 'pending', due_at = :due
    WHERE id = :id AND state = 'sending' AND attempts = :attempts RETURNING id
    """
)
_PROMOTE = text(
    """
    UPDATE webhook_deliveries SET state = 'pending', due_at = :now WHERE state = 'queued' AND id = (
      SELECT q.id FROM webhook_deliveries q
      WHERE q.endpoint_id = :endpoint_id AND q.object = :object AND q.state = 'queued'
        AND NOT EXISTS (SELECT 1 FROM webhook_deliveries h
          WHERE h.endpoint_id = :endpoint_id AND h.object = :object AND h.state IN ('pending', 'sending'))
      ORDER BY q.position LIMIT 1)
    """
)
_HASTEN = text(
    """
    UPDATE webhook_deliveries SET due_at = :now WHERE state = 'pending' AND id IN (
      SELECT id FROM webhook_deliveries
      WHERE endpoint_id = :endpoint_id AND state IN ('pending', 'sending') AND due_at > :now AND state = 'pending'
      ORDER BY due_at LIMIT :most)
    """
)
_FAILED = text(
    """
    UPDATE webhook_endpoints SET failures = failures + 1, failing_since = coalesce(failing_since, :now),
      held_until = coalesce(CAST(:held_until AS timestamptz), held_until)
    WHERE id = :id
    """
)
_WELL = text("UPDATE webhook_endpoints SET failures = 0, failing_since = NULL, held_until = NULL WHERE id = :id")
_PAUSE = text("UPDATE webhook_endpoints SET paused_at = :now, paused_reason = :reason WHERE id = :id")
_HOLD = text("SELECT * FROM webhook_endpoints WHERE id = :id FOR UPDATE")
_ATTEMPT = text(
    """
    INSERT INTO webhook_attempts (id, delivery_id, url, at, duration_ms, status, failure, detail, answer)
    VALUES (:id, :delivery_id, :url, :at, :duration_ms, :status, :failure, :detail, :answer)
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How much may be claimed: at most `most`, of which `prompt` to endpoints that answer well, `suspects` to others.

    `concurrency` is how many an endpoint that answers well may have in hand; a suspect one has one. `prompt_ones` are
    endpoints that answered well lately, as far as this worker knows.
    """

    most: int
    prompt: int
    suspects: int
    concurrency: int
    prompt_ones: Sequence[UUID] = ()


async def claim(
    tx: Transaction, room: Room, *, now: datetime, lease: datetime, patience: timedelta
) -> Sequence[Row[Any]]:
    """Take what is due in hand until `lease`. An endpoint that lets us wait beyond `patience` is suspect meanwhile.

    One worker claims at a time, so that `concurrency` holds over all of them; the others get nothing and ask again.
    """
    if not await tx.scalar(_TURN):
        return ()
    values = {
        "now": now,
        "lease": lease,
        "slow": lease - patience,
        "most": room.most,
        "prompt": room.prompt,
        "suspects": room.suspects,
        "concurrency": room.concurrency,
        "prompt_ones": list(room.prompt_ones),
    }
    return (await tx.execute(_CLAIM, values)).all()


async def hold_endpoint(tx: Transaction, endpoint_id: UUID) -> Row[Any] | None:
    """The row of an endpoint, whose lanes nobody else changes until the transaction ends."""
    return (await tx.execute(_HOLD, {"id": endpoint_id})).first()


async def end(tx: Transaction, delivery_id: UUID, *, attempts: int, state: str, now: datetime) -> bool:
    """End a delivery that is in hand; False where somebody else has it by now."""
    values = {"id": delivery_id, "attempts": attempts, "state": state, "now": now}
    return (await tx.execute(_END, values)).first() is not None


async def postpone(tx: Transaction, delivery_id: UUID, *, attempts: int, due: datetime) -> bool:
    """Put a delivery back until then; False where somebody else has it by now."""
    return (await tx.execute(_POSTPONE, {"id": delivery_id, "attempts": attempts, "due": due})).first() is not None


async def promote(tx: Transaction, endpoint_id: UUID, lane: str, *, now: datetime) -> None:
    """Let the next delivery of a lane come first, unless there is a first one."""
    await tx.execute(_PROMOTE, {"endpoint_id": endpoint_id, "object": lane, "now": now})


async def hasten(tx: Transaction, endpoint_id: UUID, *, now: datetime) -> None:
    """Let what waits for another try be tried now, as far as one statement should reach."""
    await tx.execute(_HASTEN, {"endpoint_id": endpoint_id, "now": now, "most": _MOST_HASTENED})


async def note_failure(tx: Transaction, endpoint_id: UUID, *, now: datetime, held_until: datetime | None) -> None:
    """Count a failed attempt of an endpoint, and send nothing before `held_until`."""
    await tx.execute(_FAILED, {"id": endpoint_id, "now": now, "held_until": held_until})


async def note_success(tx: Transaction, endpoint_id: UUID) -> None:
    """Forget the failures of an endpoint."""
    await tx.execute(_WELL, {"id": endpoint_id})


async def pause(tx: Transaction, endpoint_id: UUID, *, reason: str, now: datetime) -> None:
    """Send nothing to an endpoint until it is resumed."""
    await tx.execute(_PAUSE, {"id": endpoint_id, "reason": reason, "now": now})


async def add_attempt(tx: Transaction, values: Mapping[str, Any]) -> None:
    """Write what came of one sending."""
    await tx.execute(_ATTEMPT, dict(values))
