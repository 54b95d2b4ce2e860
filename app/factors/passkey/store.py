"""Statements on the tables of passkeys and challenges."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, exists, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert

from app.factors.passkey.models import Passkey, PasskeyChallenge
from app.foundation.db import Transaction

# Challenges that nobody answered are taken away by those that come after them, a few at a time.
_ADD_CHALLENGE = text(
    """
    WITH swept AS (
      DELETE FROM passkey_challenges WHERE challenge IN (
        SELECT challenge FROM passkey_challenges WHERE expires_at < :now ORDER BY expires_at LIMIT 10
        FOR UPDATE SKIP LOCKED)
    )
    INSERT INTO passkey_challenges (challenge, bound_to, user_id, expires_at)
    VALUES (:challenge, :bound_to, :user_id, :expires_at)
    """
)


async def add_challenge(
    tx: Transaction, challenge: bytes, *, bound_to: str, user_id: UUID | None, now: datetime, expires_at: datetime
) -> None:
    """Write a challenge for one act, of one user or of whoever answers it."""
    parameters = {
        "challenge": challenge,
        "bound_to": bound_to,
        "user_id": user_id,
        "now": now,
        "expires_at": expires_at,
    }
    await tx.execute(_ADD_CHALLENGE, parameters)


async def claim_challenge(
    tx: Transaction, challenge: bytes, *, bound_to: str, user_id: UUID | None, now: datetime
) -> bool:
    """Use a challenge up; False where there is none for this act and user, it is too old, or it was used."""
    statement = delete(PasskeyChallenge).where(
        PasskeyChallenge.challenge == challenge,
        PasskeyChallenge.bound_to == bound_to,
        PasskeyChallenge.user_id.is_not_distinct_from(user_id),
        PasskeyChallenge.expires_at > now,
    )
    return (await tx.execute(statement.returning(PasskeyChallenge.bound_to))).first() is not None


async def add(tx: Transaction, values: Mapping[str, Any]) -> bool:
    """Write a passkey; False where its credential is known already, whosever it is."""
    statement = insert(Passkey).values(values).on_conflict_do_nothing(index_elements=[Passkey.credential_id])
    return (await tx.execute(statement.returning(Passkey.id))).first() is not None


async def list_of(tx: Transaction, user_id: UUID) -> Sequence[Row[Any]]:
    """A user's passkeys, oldest first."""
    return (await tx.execute(select(Passkey.__table__).where(Passkey.user_id == user_id).order_by(Passkey.id))).all()


async def find_by_credential(tx: Transaction, credential_id: bytes) -> Row[Any] | None:
    """The passkey of a credential id."""
    return (await tx.execute(select(Passkey.__table__).where(Passkey.credential_id == credential_id))).first()


async def any_of(tx: Transaction, user_id: UUID) -> bool:
    """Whether a user has a passkey."""
    return bool(await tx.scalar(select(exists().where(Passkey.user_id == user_id))))


async def use(tx: Transaction, passkey_id: UUID, *, sign_count: int, is_backed_up: bool, now: datetime) -> bool:
    """Note a use; False where the counter did not grow, of a passkey that ever counted.

    Spec: WebAuthn §7.2 step 22.
    """
    counts_on = or_(Passkey.sign_count < sign_count, (Passkey.sign_count == 0) & (sign_count == 0))
    statement = (
        update(Passkey)
        .where(Passkey.id == passkey_id, counts_on)
        .values(sign_count=sign_count, is_backed_up=is_backed_up, last_used_at=now)
    )
    return (await tx.execute(statement.returning(Passkey.id))).first() is not None


async def rename(tx: Transaction, passkey_id: UUID, user_id: UUID, name: str) -> Row[Any] | None:
    """Give a user's passkey another name."""
    statement = update(Passkey).where(Passkey.id == passkey_id, Passkey.user_id == user_id).values(name=name)
    return (await tx.execute(statement.returning(*Passkey.__table__.columns))).first()


async def remove(tx: Transaction, passkey_id: UUID, user_id: UUID) -> str | None:
    """Delete one passkey of a user and return its name."""
    statement = delete(Passkey).where(Passkey.id == passkey_id, Passkey.user_id == user_id)
    return await tx.scalar(statement.returning(Passkey.name))


async def remove_all(tx: Transaction, user_id: UUID) -> bool:
    """Delete every passkey of a user; False where there was none."""
    statement = delete(Passkey).where(Passkey.user_id == user_id)
    return bool((await tx.execute(statement.returning(Passkey.id))).all())
