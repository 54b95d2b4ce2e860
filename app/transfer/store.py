"""Statements on the tables of imports."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert as plain_insert
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from app.foundation.db import Transaction
from app.transfer.models import UserImport, UserImportError
from app.transfer.progress import Progress, Refusal

_COLUMNS = [getattr(UserImport, name) for name in Progress._fields]


async def begin(tx: Transaction, import_id: UUID, *, digest: bytes, now: datetime) -> Progress:
    """The import of this id, made where there is none."""
    row = {
        "id": import_id,
        "position": 0,
        "digest": digest,
        "imported": 0,
        "present": 0,
        "failed": 0,
        "created_at": now,
        "updated_at": now,
    }
    await tx.execute(insert(UserImport).values(row).on_conflict_do_nothing())
    return Progress(*(await tx.execute(select(*_COLUMNS).where(UserImport.id == import_id))).one())


async def find(tx: Transaction, import_id: UUID) -> Progress | None:
    """How far an import has come."""
    row = (await tx.execute(select(*_COLUMNS).where(UserImport.id == import_id))).first()
    return None if row is None else Progress(*row)


async def hold(tx: Transaction, import_id: UUID, *, position: int) -> bool:
    """Lock an import that stands at this position; False where somebody else has moved it."""
    statement = select(UserImport.id).where(UserImport.id == import_id, UserImport.position == position)
    return (await tx.execute(statement.with_for_update())).first() is not None


async def advance(tx: Transaction, progress: Progress, refusals: Sequence[Refusal]) -> None:
    """Write how far an import has come, and the lines that were refused on the way."""
    values = progress._asdict()
    values.pop("created_at")
    await tx.execute(update(UserImport).where(UserImport.id == progress.id).values(values))
    if refusals:
        rows = [{"import_id": progress.id, **refusal._asdict()} for refusal in refusals]
        await tx.execute(plain_insert(UserImportError), rows)


async def refusals(tx: Transaction, import_id: UUID, *, after: int, limit: int) -> Sequence[Refusal]:
    """The refused lines of an import behind line `after`, in their order."""
    statement = (
        select(UserImportError.line, UserImportError.code, UserImportError.detail)
        .where(UserImportError.import_id == import_id, UserImportError.line > after)
        .order_by(UserImportError.line)
        .limit(limit)
    )
    return [Refusal(*row) for row in await tx.execute(statement)]
