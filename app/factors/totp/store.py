"""Statements on the table of TOTP seeds."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import delete, select, text, update
from sqlalchemy.dialects.postgresql import insert

from app.factors.totp.models import TOTPCredential
from app.foundation.db import Transaction

# One try is counted before the code is looked at, and the row stays locked until the caller's transaction ends, so that
# no number of tries at once gets past the limit. A window that is over begins anew.
_TAKE_TRY = text(
    """
    UPDATE totp_credentials SET
      tries = CASE WHEN tries_since > :window_start THEN tries + 1 ELSE 1 END,
      tries_since = CASE WHEN tries_since > :window_start THEN tries_since ELSE :now END
    WHERE user_id = :user_id AND (confirmed_at IS NOT NULL) = :confirmed
      AND (tries < :limit OR tries_since IS NULL OR tries_since <= :window_start)
    RETURNING seed, last_step, tries
    """
)


class Tried(NamedTuple):
    """What a counted try is judged by."""

    seed: bytes
    last_step: int
    tries: int


async def put_pending(tx: Transaction, user_id: UUID, seed: bytes, now: datetime) -> bool:
    """Write a seed that waits for its confirmation, in place of another such one; False where one is confirmed."""
    values = {"user_id": user_id, "seed": seed, "created_at": now, "last_step": 0, "tries": 0, "tries_since": None}
    statement = insert(TOTPCredential).values(values)
    statement = statement.on_conflict_do_update(
        index_elements=[TOTPCredential.user_id], set_=values, where=TOTPCredential.confirmed_at.is_(None)
    )
    return (await tx.execute(statement.returning(TOTPCredential.user_id))).first() is not None


async def take_try(
    tx: Transaction, user_id: UUID, *, confirmed: bool, now: datetime, window_start: datetime, limit: int
) -> Tried | None:
    """Count a try and return the seed; None where there is none, or the tries of this window are used up."""
    parameters = {
        "user_id": user_id,
        "confirmed": confirmed,
        "now": now,
        "window_start": window_start,
        "limit": limit,
    }
    row = (await tx.execute(_TAKE_TRY, parameters)).first()
    return None if row is None else Tried(*row)


async def accept(tx: Transaction, user_id: UUID, step: int, *, confirmed_at: datetime | None = None) -> bool:
    """Take a step's code for used and forget the tries before it; False where it or a later one was used already."""
    values: dict[str, object] = {"last_step": step, "tries": 0, "tries_since": None}
    if confirmed_at is not None:
        values["confirmed_at"] = confirmed_at
    condition = (TOTPCredential.user_id == user_id) & (TOTPCredential.last_step < step)
    statement = update(TOTPCredential).where(condition).values(values).returning(TOTPCredential.user_id)
    return (await tx.execute(statement)).first() is not None


async def confirmed_at(tx: Transaction, user_id: UUID) -> datetime | None:
    """When the user's seed was confirmed, or None."""
    return await tx.scalar(select(TOTPCredential.confirmed_at).where(TOTPCredential.user_id == user_id))


async def remove(tx: Transaction, user_id: UUID) -> bool:
    """Delete the user's seed; False where there was no confirmed one."""
    statement = delete(TOTPCredential).where(TOTPCredential.user_id == user_id)
    row = (await tx.execute(statement.returning(TOTPCredential.confirmed_at))).first()
    return row is not None and row.confirmed_at is not None
