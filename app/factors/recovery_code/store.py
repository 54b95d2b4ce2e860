"""Statements on the table of recovery codes."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, insert, select, update

from app.factors.recovery_code.models import CodeCount, RecoveryCode
from app.foundation.db import Transaction
from app.foundation.ids import new_id
from app.foundation.secrets import SecretHash


async def replace(tx: Transaction, user_id: UUID, hashes: Sequence[SecretHash], now: datetime) -> None:
    """Write a user's codes in place of all that were there."""
    await remove(tx, user_id)
    rows = [{"id": new_id(now), "user_id": user_id, "code_hash": code, "created_at": now} for code in hashes]
    await tx.execute(insert(RecoveryCode), rows)


async def use(tx: Transaction, user_id: UUID, code_hash: SecretHash, now: datetime) -> UUID | None:
    """Take a code for used and return its row id; None where there is none, or it was used already."""
    statement = (
        update(RecoveryCode)
        .where(RecoveryCode.user_id == user_id, RecoveryCode.code_hash == code_hash, RecoveryCode.used_at.is_(None))
        .values(used_at=now)
    )
    return await tx.scalar(statement.returning(RecoveryCode.id))


async def count(tx: Transaction, user_id: UUID) -> CodeCount:
    """The codes that are left."""
    statement = select(
        func.count().filter(RecoveryCode.used_at.is_(None)).label("remaining"), func.max(RecoveryCode.created_at)
    ).where(RecoveryCode.user_id == user_id)
    row = (await tx.execute(statement)).one()
    return CodeCount(*row)


async def remove(tx: Transaction, user_id: UUID) -> bool:
    """Delete every code of a user; False where there were none."""
    statement = delete(RecoveryCode).where(RecoveryCode.user_id == user_id)
    return bool((await tx.execute(statement.returning(RecoveryCode.id))).all())
