"""Searching the log and carrying it away. Whoever reads it is in it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, select

from app.audit.errors import AuditEntryNotFound
from app.audit.event import Actor, Outcome
from app.audit.events import AuditExported, AuditRead
from app.audit.history import PastEntry, as_entry
from app.audit.models import AuditEntry
from app.audit.service import AuditLog
from app.foundation.clock import Clock, rfc3339
from app.foundation.db import Database, Transaction
from app.foundation.ids import first_id_at
from app.foundation.origin import Origin

EXPORT_BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which entries are meant: those that have all that is given. `since` is included, `until` is not.

    Both bounds become bounds of ids, which are in the order of time: months outside them are not looked at.
    """

    actor: str | None = None
    subject: str | None = None
    type: str | None = None
    outcome: Outcome | None = None
    ip: str | None = None
    trace_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def given(self) -> dict[str, str]:
        """What is asked for, in words, for the log and for cursors."""
        values = {
            "actor": self.actor,
            "subject": self.subject,
            "type": self.type,
            "outcome": self.outcome,
            "ip": self.ip,
            "trace_id": self.trace_id,
            "from": rfc3339(self.since),
            "to": rfc3339(self.until),
        }
        return {name: str(value) for name, value in values.items() if value is not None}

    def conditions(self) -> list[ColumnElement[bool]]:
        """As SQL."""
        equal = {
            AuditEntry.actor_id: self.actor,
            AuditEntry.subject: self.subject,
            AuditEntry.type: self.type,
            AuditEntry.outcome: None if self.outcome is None else self.outcome.value,
            AuditEntry.ip: self.ip,
            AuditEntry.trace_id: self.trace_id,
        }
        found = [column == value for column, value in equal.items() if value is not None]
        if self.since is not None:
            found.append(AuditEntry.id >= first_id_at(self.since))
        if self.until is not None:
            found.append(AuditEntry.id < first_id_at(self.until))
        return found


async def newest(tx: Transaction, wanted: AuditFilter, *, before: UUID | None = None, limit: int) -> list[PastEntry]:
    """The newest entries that are meant, newest first; before an id, where one is given."""
    statement = select(AuditEntry.__table__).where(*wanted.conditions())
    if before is not None:
        statement = statement.where(AuditEntry.id < before)
    rows = await tx.execute(statement.order_by(AuditEntry.id.desc()).limit(limit))
    return [as_entry(row) for row in rows.mappings()]


async def oldest(tx: Transaction, wanted: AuditFilter, *, after: UUID | None = None, limit: int) -> list[PastEntry]:
    """The oldest entries that are meant, oldest first; after an id, where one is given."""
    statement = select(AuditEntry.__table__).where(*wanted.conditions())
    if after is not None:
        statement = statement.where(AuditEntry.id > after)
    rows = await tx.execute(statement.order_by(AuditEntry.id).limit(limit))
    return [as_entry(row) for row in rows.mappings()]


class AuditSearch:
    """Use cases that read the log for an administrator. Each writes who read what, or reads nothing."""

    def __init__(self, db: Database, clock: Clock, audit: AuditLog) -> None:
        self._db = db
        self._clock = clock
        self._audit = audit

    async def list(
        self,
        wanted: AuditFilter,
        *,
        before: UUID | None = None,
        limit: int,
        look_ahead: int = 0,
        actor: Actor,
        origin: Origin,
    ) -> list[PastEntry]:
        """The newest entries that are meant, newest first; with `look_ahead` so many more, which nobody is shown."""
        async with self._db.transaction() as tx:
            entries = await newest(tx, wanted, before=before, limit=limit + look_ahead)
            event = AuditRead(actor=actor, origin=origin, filter=wanted.given(), entries=min(limit, len(entries)))
            await self._audit.record(tx, event)
        return entries

    async def get(self, entry_id: UUID, *, actor: Actor, origin: Origin) -> PastEntry:
        """One entry. Raises AuditEntryNotFound."""
        async with self._db.transaction() as tx:
            row = (await tx.execute(select(AuditEntry.__table__).where(AuditEntry.id == entry_id))).mappings().first()
            if row is not None:
                event = AuditRead(actor=actor, origin=origin, filter={"id": str(entry_id)}, entries=1)
                await self._audit.record(tx, event)
        if row is None:
            raise AuditEntryNotFound("There is no such entry, or it is no longer kept.")
        return as_entry(row)

    async def export(self, wanted: AuditFilter, *, form: str, actor: Actor, origin: Origin) -> AsyncIterator[PastEntry]:
        """Every entry that is meant and was there at this moment, oldest first.

        Returns once it is written who took them; the entries are read as they are asked for, some hundred at a time,
        so that neither memory nor a transaction grows with the log.
        """
        async with self._db.transaction() as tx:
            await self._audit.record(tx, AuditExported(actor=actor, origin=origin, format=form, filter=wanted.given()))
        now = self._clock.now()
        end = now if wanted.until is None else min(now, wanted.until)
        return self._walk(wanted, first_id_at(end))

    async def _walk(self, wanted: AuditFilter, end: UUID) -> AsyncIterator[PastEntry]:
        after: UUID | None = None
        while True:
            async with self._db.transaction() as tx:
                entries = await oldest(tx, wanted, after=after, limit=EXPORT_BATCH)
            for entry in entries:
                if entry.id >= end:
                    return
                yield entry
            if len(entries) < EXPORT_BATCH:
                return
            after = entries[-1].id
