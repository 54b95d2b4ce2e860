"""Statements on the table of closed accounts. The user's row is always locked before a row here."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, insert, select

from app.foundation.db import Transaction
from app.foundation.secrets import SecretHash
from app.lifecycle.models import AccountClosure


async def put(tx: Transaction, user_id: UUID, token_hash: SecretHash, *, now: datetime, due_at: datetime) -> None:
    """Note that an account was closed; whatever was noted of it before counts no more."""
    await remove(tx, user_id)
    row = {"user_id": user_id, "token_hash": token_hash, "closed_at": now, "due_at": due_at}
    await tx.execute(insert(AccountClosure), row)


async def find(tx: Transaction, token_hash: SecretHash, *, now: datetime) -> UUID | None:
    """Whose account this token takes back."""
    statement = select(AccountClosure.user_id).where(
        AccountClosure.token_hash == token_hash, AccountClosure.due_at > now
    )
    user_id: UUID | None = await tx.scalar(statement)
    return user_id


async def claim(tx: Transaction, token_hash: SecretHash, *, now: datetime) -> bool:
    """Spend a token; False where somebody else did, or where it is too late."""
    condition = (AccountClosure.token_hash == token_hash, AccountClosure.due_at > now)
    statement = delete(AccountClosure).where(*condition).returning(AccountClosure.user_id)
    return (await tx.execute(statement)).first() is not None


async def list_due(tx: Transaction, *, now: datetime, limit: int) -> Sequence[UUID]:
    """Whose accounts are to be deleted, the longest due first."""
    statement = select(AccountClosure.user_id).where(AccountClosure.due_at <= now)
    return (await tx.scalars(statement.order_by(AccountClosure.due_at).limit(limit))).all()


async def claim_due(tx: Transaction, user_id: UUID, *, now: datetime) -> bool:
    """Take a deletion on; False where the account was taken back or somebody else did it."""
    statement = delete(AccountClosure).where(AccountClosure.user_id == user_id, AccountClosure.due_at <= now)
    return (await tx.execute(statement.returning(AccountClosure.user_id))).first() is not None


async def remove(tx: Transaction, user_id: UUID) -> None:
    """Forget that an account was closed."""
    await tx.execute(delete(AccountClosure).where(AccountClosure.user_id == user_id))
