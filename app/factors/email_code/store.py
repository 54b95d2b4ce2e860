"""Statements on the table of mailed codes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, delete, text, update

from app.factors.email_code.models import EmailCode
from app.foundation.db import Transaction
from app.foundation.secrets import SecretHash

# The mailbox of a challenge, for the hot pool. Parameter: $1 the challenge's hash.
FIND_MAILBOX = "SELECT email_key FROM email_codes WHERE challenge_hash = $1"

# A newer challenge takes the older one's place. Those that nobody answered are taken away by those that come after
# them, a few at a time.
_PUT = text(
    """
    WITH swept AS (
      DELETE FROM email_codes WHERE challenge_hash IN (
        SELECT challenge_hash FROM email_codes
        WHERE expires_at < :now AND (user_id IS NULL OR user_id IS DISTINCT FROM :user_id OR bound_to <> :bound_to)
        ORDER BY expires_at LIMIT 10 FOR UPDATE SKIP LOCKED)
    )
    INSERT INTO email_codes (challenge_hash, bound_to, user_id, credentials_version, email_key, browser_hash, code_hash,
      tries_left, expires_at)
    VALUES (:challenge_hash, :bound_to, :user_id, :credentials_version, :email_key, :browser_hash, :code_hash,
      :tries_left, :expires_at)
    ON CONFLICT (user_id, bound_to) DO UPDATE SET challenge_hash = excluded.challenge_hash,
      credentials_version = excluded.credentials_version, email_key = excluded.email_key,
      browser_hash = excluded.browser_hash, code_hash = excluded.code_hash, tries_left = excluded.tries_left,
      expires_at = excluded.expires_at
    """
)


async def put(tx: Transaction, row: Mapping[str, Any], *, now: datetime) -> None:
    """Write a challenge, in place of the one there is for this user and act."""
    await tx.execute(_PUT, {**row, "now": now})


async def take_try_by_hash(tx: Transaction, challenge_hash: SecretHash, *, now: datetime) -> Row[Any] | None:
    """Count a try at a challenge; None where none is left, or there is no such challenge (any more).

    The row stays locked until the transaction ends, so that tries at once follow one another.
    """
    return await _take_try(tx, EmailCode.challenge_hash == challenge_hash, now=now)


async def take_try(tx: Transaction, user_id: UUID, bound_to: str, *, now: datetime) -> Row[Any] | None:
    """The same for the challenge of a user's act."""
    return await _take_try(tx, EmailCode.user_id == user_id, EmailCode.bound_to == bound_to, now=now)


async def claim(tx: Transaction, challenge_hash: bytes) -> bool:
    """Use a challenge up; False where somebody else has."""
    statement = delete(EmailCode).where(EmailCode.challenge_hash == challenge_hash)
    return (await tx.execute(statement.returning(EmailCode.bound_to))).first() is not None


async def remove_all(tx: Transaction, user_id: UUID) -> bool:
    """Delete every challenge of a user; False where there was none."""
    statement = delete(EmailCode).where(EmailCode.user_id == user_id)
    return bool((await tx.execute(statement.returning(EmailCode.bound_to))).all())


async def _take_try(tx: Transaction, *which: ColumnElement[bool], now: datetime) -> Row[Any] | None:
    statement = (
        update(EmailCode)
        .where(*which, EmailCode.expires_at > now, EmailCode.tries_left > 0)
        .values(tries_left=EmailCode.tries_left - 1)
    )
    return (await tx.execute(statement.returning(*EmailCode.__table__.columns))).first()
