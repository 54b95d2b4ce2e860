"""Taking what is personal in the log away, entry by entry, without breaking the chain."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select, text
from sqlalchemy.dialects.postgresql import insert

from app.audit.event import Actor
from app.audit.events import AuditErased
from app.audit.models import AuditErasure as AuditErasureRow
from app.audit.service import AuditLog
from app.foundation.clock import Clock
from app.foundation.db import Database, Transaction
from app.foundation.origin import Origin

# What was under way when a subject was deleted has written its entry by then.
SETTLED = timedelta(minutes=1)
_SUBJECTS_AT_ONCE = 100
_BATCH = 500
_AGAIN_SECONDS = 0.05

_HELD = f"""
    FROM audit_entries
    WHERE subject = :subject AND id > :after AND type <> '{AuditErased.type}'
      AND (ip IS NOT NULL OR user_agent IS NOT NULL OR details <> '{{}}')
    """
_ANY = text(f"SELECT EXISTS (SELECT {_HELD})")
# What `chain.ERASED` says, in one go: the digest stays, and nobody can try values against it without the salt. Whoever
# chains these very entries holds them in an order of their own: to wait for them would be to wait for each other.
_ERASE = text(
    f"""
    UPDATE audit_entries SET ip = NULL, user_agent = NULL, details = '{{}}', personal_salt = NULL
    WHERE id = ANY (ARRAY(SELECT id {_HELD} ORDER BY id LIMIT {_BATCH} FOR UPDATE SKIP LOCKED))
    RETURNING id
    """  # noqa: S608 — built from constants; every value is a parameter
)


class AuditErasure:
    """Erases a subject: address, user agent and details of every entry about them.

    That something happened, when, and to which `sub` stays. So do entries about others in which they acted: whoever
    leaves takes no evidence with them.
    """

    def __init__(self, db: Database, clock: Clock, audit: AuditLog) -> None:
        self._db = db
        self._clock = clock
        self._audit = audit

    async def erase(self, tx: Transaction, subject: str) -> None:
        """Have a subject erased from the log if the caller's transaction commits: by a worker, within two minutes.

        Not here, because nobody waits for entries by the thousand, and those of this very act shall go too.
        """
        row = {"subject": subject, "requested_at": self._clock.now()}
        await tx.execute(insert(AuditErasureRow).values(row).on_conflict_do_nothing())

    async def erase_now(self, subject: str, *, actor: Actor, origin: Origin) -> int:
        """Erase a subject in batches; return of how many entries. Idempotent."""
        erased = await self._erase(subject)
        async with self._db.transaction() as tx:
            await tx.execute(delete(AuditErasureRow).where(AuditErasureRow.subject == subject))
            event = AuditErased(actor=actor, origin=origin, subject=subject, entries=erased)
            await self._audit.record(tx, event)
        return erased

    async def erase_due(self, *, actor: Actor, origin: Origin) -> int:
        """Erase every subject who waits for it; return how many. Whoever is cut off goes on where it was."""
        done = 0
        while subjects := await self._due(self._clock.now() - SETTLED):
            for subject in subjects:
                await self.erase_now(subject, actor=actor, origin=origin)
            done += len(subjects)
        return done

    async def _due(self, before: datetime) -> list[str]:
        statement = select(AuditErasureRow.subject).where(AuditErasureRow.requested_at <= before)
        async with self._db.transaction() as tx:
            return list(await tx.scalars(statement.limit(_SUBJECTS_AT_ONCE)))

    async def _erase(self, subject: str) -> int:
        erased = 0
        while True:
            erased += await self._walk(subject)
            async with self._db.transaction() as tx:
                left = await tx.scalar(_ANY, {"subject": subject, "after": UUID(int=0)})
            if not left:
                return erased
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _walk(self, subject: str) -> int:
        """Erase what nobody else holds at this moment."""
        erased, after = 0, UUID(int=0)
        while True:
            async with self._db.transaction() as tx:
                found = list(await tx.scalars(_ERASE, {"subject": subject, "after": after}))
            erased += len(found)
            if len(found) < _BATCH:
                return erased
            after = max(found)
