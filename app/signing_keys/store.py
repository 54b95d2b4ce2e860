"""Statements on the table of signing keys."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CursorResult, func, insert, select, text, update

from app.foundation.db import Transaction
from app.protocols.jose.algorithms import Algorithm
from app.signing_keys.keyset import PUBLISHED, KeyDescription, KeyState
from app.signing_keys.models import SigningKey


@dataclass(frozen=True, slots=True, repr=False)
class StoredKey:
    """A row; `sealed` is the encrypted private half."""

    kid: str
    algorithm: Algorithm
    state: KeyState
    sealed: bytes
    created_at: datetime
    activated_at: datetime | None
    retires_at: datetime | None


async def lock(tx: Transaction) -> None:
    """Let changes of the key sets take turns until the transaction ends."""
    await tx.execute(text("SELECT pg_advisory_xact_lock(hashtext('signing_keys'))"))


async def list_published(tx: Transaction) -> list[StoredKey]:
    """The next, active and retiring keys."""
    wanted = SigningKey.state.in_([state.value for state in PUBLISHED])
    # A bare connection yields the columns by name rather than objects, which the types do not know.
    rows: CursorResult[Any] = await tx.execute(select(SigningKey).where(wanted).order_by(SigningKey.id))
    return [
        StoredKey(
            kid=row.kid,
            algorithm=Algorithm(row.algorithm),
            state=KeyState(row.state),
            sealed=row.private_key,
            created_at=row.created_at,
            activated_at=row.activated_at,
            retires_at=row.retires_at,
        )
        for row in rows
    ]


async def describe_all(tx: Transaction) -> list[KeyDescription]:
    """Every key that ever was, oldest first, without its private half."""
    columns = (
        SigningKey.kid,
        SigningKey.algorithm,
        SigningKey.state,
        SigningKey.created_at,
        SigningKey.activated_at,
        SigningKey.retires_at,
        SigningKey.retired_at,
    )
    rows = await tx.execute(select(*columns).order_by(SigningKey.id))
    return [
        KeyDescription(
            kid=row.kid,
            algorithm=Algorithm(row.algorithm),
            state=KeyState(row.state),
            created_at=row.created_at,
            activated_at=row.activated_at,
            retires_at=row.retires_at,
            retired_at=row.retired_at,
        )
        for row in rows
    ]


async def knows(tx: Transaction, kid: str) -> bool:
    """Whether that key is or was ours, in whatever state."""
    return await tx.scalar(select(SigningKey.id).where(SigningKey.kid == kid)) is not None


async def add(
    tx: Transaction,
    *,
    row_id: UUID,
    kid: str,
    algorithm: Algorithm,
    state: KeyState,
    public_jwk: dict[str, str],
    sealed: bytes,
    now: datetime,
) -> None:
    """Store a new key; one that starts as active is activated now."""
    await tx.execute(
        insert(SigningKey).values(
            id=row_id,
            kid=kid,
            algorithm=algorithm.value,
            state=state.value,
            public_jwk=public_jwk,
            private_key=sealed,
            created_at=now,
            activated_at=now if state is KeyState.ACTIVE else None,
        )
    )


async def begin_retiring(tx: Transaction, kid: str, *, retires_at: datetime) -> bool:
    """Let the active key retire at that moment; False when it is no longer the active one."""
    statement = (
        update(SigningKey)
        .where(SigningKey.kid == kid, SigningKey.state == KeyState.ACTIVE.value)
        .values(state=KeyState.RETIRING.value, retires_at=retires_at)
        .returning(SigningKey.id)
    )
    return await tx.scalar(statement) is not None


async def activate(tx: Transaction, kid: str, *, at: datetime) -> bool:
    """Make the next key the active one; False when it is no longer the next one."""
    statement = (
        update(SigningKey)
        .where(SigningKey.kid == kid, SigningKey.state == KeyState.NEXT.value)
        .values(state=KeyState.ACTIVE.value, activated_at=at)
        .returning(SigningKey.id)
    )
    return await tx.scalar(statement) is not None


async def retire_next(tx: Transaction, algorithm: Algorithm, now: datetime) -> str | None:
    """Retire the next key of an algorithm, which never signed; its kid, or None when there was none."""
    statement = (
        update(SigningKey)
        .where(SigningKey.algorithm == algorithm.value, SigningKey.state == KeyState.NEXT.value)
        .values(state=KeyState.RETIRED.value, retired_at=now, private_key=b"")
        .returning(SigningKey.kid)
    )
    kid: str | None = await tx.scalar(statement)
    return kid


async def retire_due(tx: Transaction, now: datetime) -> list[tuple[str, Algorithm]]:
    """Retire the keys whose overlap has ended, erase their private halves, and name them: each to one caller only."""
    statement = (
        update(SigningKey)
        .where(SigningKey.state == KeyState.RETIRING.value, SigningKey.retires_at <= now)
        .values(state=KeyState.RETIRED.value, retired_at=now, private_key=b"")
        .returning(SigningKey.kid, SigningKey.algorithm)
    )
    return [(row.kid, Algorithm(row.algorithm)) for row in await tx.execute(statement)]


async def take_out(tx: Transaction, kid: str, *, seen: KeyState, to: KeyState, now: datetime) -> bool:
    """Retire or revoke a key and erase its private half; False when it is no longer in the state it was seen in."""
    statement = (
        update(SigningKey)
        .where(SigningKey.kid == kid, SigningKey.state == seen.value)
        .values(state=to.value, retired_at=func.coalesce(SigningKey.retired_at, now), private_key=b"")
        .returning(SigningKey.id)
    )
    return await tx.scalar(statement) is not None


async def activate_next(tx: Transaction, algorithm: Algorithm, *, at: datetime) -> bool:
    """Make the next key of an algorithm the active one; False when there is none."""
    statement = (
        update(SigningKey)
        .where(SigningKey.algorithm == algorithm.value, SigningKey.state == KeyState.NEXT.value)
        .values(state=KeyState.ACTIVE.value, activated_at=at)
        .returning(SigningKey.id)
    )
    return await tx.scalar(statement) is not None
