"""Reading what the log says about one subject. The index by subject and id carries every query here."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, func, select

from app.audit.event import ActorKind, Outcome
from app.audit.models import AuditEntry
from app.foundation.db import Transaction
from app.foundation.ids import first_id_at


@dataclass(frozen=True, slots=True, kw_only=True)
class PastEntry:
    """An entry of the log.

    `number` is its place in the chain, once it has one. What was personal in one that `is_erased` was taken away.
    """

    id: UUID
    at: datetime
    type: str
    outcome: Outcome
    actor_kind: ActorKind
    actor_id: str | None
    subject: str | None
    ip: str | None
    user_agent: str | None
    trace_id: str
    details: Mapping[str, Any]
    number: int | None
    is_erased: bool


async def find(tx: Transaction, entry_id: UUID) -> PastEntry | None:
    """The entry of this id, which is also its event's."""
    statement = select(AuditEntry.__table__).where(AuditEntry.id == entry_id)
    row = (await tx.execute(statement)).mappings().first()
    return None if row is None else as_entry(row)


async def list_of(
    tx: Transaction,
    subject: str,
    *,
    types: Collection[str] | None = None,
    before: UUID | None = None,
    limit: int,
) -> list[PastEntry]:
    """The newest entries about a subject, newest first; of some types, and before an id, where these are given."""
    statement = select(AuditEntry.__table__).where(AuditEntry.subject == subject)
    if types is not None:
        statement = statement.where(AuditEntry.type.in_(types))
    if before is not None:
        statement = statement.where(AuditEntry.id < before)
    rows = await tx.execute(statement.order_by(AuditEntry.id.desc()).limit(limit))
    return [as_entry(row) for row in rows.mappings()]


async def count_since(tx: Transaction, subject: str, *, kind: str, since: datetime) -> int:
    """How many entries of one type there are about a subject since then."""
    statement = (
        select(func.count())
        .select_from(AuditEntry)
        .where(AuditEntry.subject == subject, AuditEntry.type == kind, AuditEntry.id > first_id_at(since))
    )
    return int(await tx.scalar(statement) or 0)


def as_entry(row: RowMapping) -> PastEntry:
    """The entry in a row that holds every column."""
    return PastEntry(
        id=row["id"],
        at=row["at"],
        type=row["type"],
        outcome=Outcome(row["outcome"]),
        actor_kind=ActorKind(row["actor_kind"]),
        actor_id=row["actor_id"],
        subject=row["subject"],
        ip=row["ip"],
        user_agent=row["user_agent"],
        trace_id=row["trace_id"],
        details=row["details"],
        number=row["number"],
        is_erased=row["personal_digest"] is not None and row["personal_salt"] is None,
    )
