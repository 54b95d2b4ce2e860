"""Statements on challenges and spent action tokens."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, select, update

from app.audit.service import recording_ctes
from app.foundation.db import Transaction
from app.stepup.models import ActionChallenge, ActionTokenUse

_PURGED_AT_ONCE = 50

# Counts a try before it is weighed, so that no number of tries at once gets more than were given.
# Parameters: $1 challenge, $2 session, $3 user, $4 audience, $5 now.
TAKE_A_TRY = """
    UPDATE action_challenges SET tries_left = tries_left - 1
    WHERE id = $1 AND session_id = $2 AND user_id = $3 AND audience = $4
      AND answered_at IS NULL AND expires_at > $5 AND tries_left > 0
    RETURNING action, request_hash, array_to_json(factors)::text AS factors
    """

_FIRST_AUDIT_PARAMETER = 8

# Spends a token once, everywhere; whoever repeats the very same consumption within ten seconds is told the same,
# whatever has become of the session meanwhile. Parameters: $1 jti, $2 consumption id, $3 client, $4 sid, $5 sub,
# $6 now, $7 the token's end; from $8 on the audit entry.
CONSUME = f"""
    WITH live AS (
      SELECT FROM sessions s JOIN users u ON u.id = s.user_id
      WHERE s.sid = $4 AND u.sub = $5 AND u.status = 'active'
        AND s.ended_at IS NULL AND s.expires_at > $6 AND s.idle_expires_at > $6
    ), spent AS (
      INSERT INTO action_token_uses AS used (jti, consumption_id, client_id, consumed_at, expires_at)
      SELECT $1, $2, $3, $6, $7
      WHERE EXISTS (SELECT FROM live) OR EXISTS (SELECT FROM action_token_uses WHERE jti = $1)
      ON CONFLICT (jti) DO UPDATE SET consumption_id = excluded.consumption_id
        WHERE used.consumption_id = excluded.consumption_id AND used.client_id = excluded.client_id
          AND used.consumed_at > $6 - interval '10 seconds'
      RETURNING jti, xmax = 0 AS fresh
    ), fresh AS (
      SELECT jti FROM spent WHERE fresh
    ), {recording_ctes(_FIRST_AUDIT_PARAMETER, source="fresh", columns={})}
    SELECT fresh FROM spent
    """  # noqa: S608 — built from constants; every value is a parameter


async def add(tx: Transaction, values: dict[str, Any]) -> None:
    """Write a challenge."""
    await tx.execute(insert(ActionChallenge).values(values))


async def claim(tx: Transaction, challenge_id: UUID, *, now: datetime) -> bool:
    """Take a challenge as answered; False where another answer came first."""
    statement = (
        update(ActionChallenge)
        .where(ActionChallenge.id == challenge_id, ActionChallenge.answered_at.is_(None))
        .values(answered_at=now)
    )
    return (await tx.execute(statement.returning(ActionChallenge.id))).first() is not None


async def purge(tx: Transaction, *, now: datetime) -> None:
    """Remove some of what has expired. Each new challenge does so, and the tables stay as small as their use."""
    old = (
        select(ActionChallenge.id)
        .where(ActionChallenge.expires_at < now)
        .limit(_PURGED_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    await tx.execute(delete(ActionChallenge).where(ActionChallenge.id.in_(old)))
    spent = (
        select(ActionTokenUse.jti)
        .where(ActionTokenUse.expires_at < now)
        .limit(_PURGED_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    await tx.execute(delete(ActionTokenUse).where(ActionTokenUse.jti.in_(spent)))
