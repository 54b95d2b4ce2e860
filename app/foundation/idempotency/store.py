"""Statements on the table of kept answers."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from app.foundation.db import Transaction
from app.foundation.idempotency.models import KeptAnswer


async def claim(tx: Transaction, key_hash: bytes) -> bool:
    """Hold a key until the transaction ends, however it ends; False where another transaction holds it."""
    number = int.from_bytes(key_hash[:8], "big", signed=True)
    return bool(await tx.scalar(select(func.pg_try_advisory_xact_lock(number))))


async def find(tx: Transaction, key_hash: bytes, now: datetime) -> bytes | None:
    """The sealed answer that is kept for a key."""
    query = select(KeptAnswer.sealed).where(KeptAnswer.key_hash == key_hash, KeptAnswer.expires_at > now)
    sealed: bytes | None = await tx.scalar(query)
    return sealed


async def keep(tx: Transaction, key_hash: bytes, sealed: bytes, expires_at: datetime) -> None:
    """Keep an answer, in place of an expired one where there is one."""
    values = {"sealed": sealed, "expires_at": expires_at}
    statement = insert(KeptAnswer).values(key_hash=key_hash, **values)
    await tx.execute(statement.on_conflict_do_update(index_elements=[KeptAnswer.key_hash], set_=values))
