"""Writing many users at once, who come from another system."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text

from app.audit.event import Actor
from app.audit.service import AuditLog
from app.foundation.db import Transaction
from app.foundation.origin import Origin
from app.users.email import EmailAddress, fold
from app.users.events import UserCreated, UserDeleted
from app.users.models import User
from app.users.user import AttributeValue, Entry, UserStatus

MAX_SUB_CHARACTERS = 255

# One parameter however many rows: their number is not part of the statement, which is prepared once.
_ADD = text(
    """
    INSERT INTO users (id, sub, email, email_key, email_verified_at, name, name_key, locale, attributes, entry, status,
                       required_acr, created_at, updated_at)
    SELECT id, sub, email, email_key, email_verified_at, name, name_key, locale, attributes, :entry, status,
           required_acr, created_at, CAST(:now AS timestamptz)
    FROM json_to_recordset(CAST(:rows AS json)) AS given (
      id uuid, sub text, email text, email_key text, email_verified_at timestamptz, name text, name_key text,
      locale text, attributes jsonb, status text, required_acr text, created_at timestamptz)
    ON CONFLICT DO NOTHING RETURNING id
    """
)

# The log keeps the subjects of those who are gone; it has an index on subject and id.
_DELETED = text(
    "SELECT DISTINCT subject FROM audit_entries WHERE subject = ANY(CAST(:subs AS text[])) AND type = :deleted"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUser:
    """A user to be written, every value checked."""

    id: UUID
    sub: str
    email: EmailAddress
    email_verified_at: datetime | None
    name: str | None
    locale: str | None
    attributes: Mapping[str, AttributeValue]
    status: UserStatus
    required_acr: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Present:
    """Which of the subjects and addresses that were asked for are taken. `by_key` tells an address's subject."""

    subs: frozenset[str]
    by_key: Mapping[str, str]


class BulkUsers:
    """Users by the hundred, in the caller's transaction."""

    def __init__(self, audit: AuditLog) -> None:
        self._audit = audit

    async def present(self, tx: Transaction, *, subs: Collection[str], keys: Collection[str]) -> Present:
        """Which of these are there."""
        by_sub = select(User.sub).where(User.sub.in_(subs)) if subs else None
        taken = frozenset(await tx.scalars(by_sub)) if by_sub is not None else frozenset()
        rows = await tx.execute(select(User.email_key, User.sub).where(User.email_key.in_(keys))) if keys else ()
        return Present(subs=taken, by_key={row.email_key: row.sub for row in rows})

    async def deleted(self, tx: Transaction, subs: Collection[str]) -> frozenset[str]:
        """Which of these subjects users had who are gone, as far as the audit log goes back: none is used again."""
        if not subs:
            return frozenset()
        return frozenset(await tx.scalars(_DELETED, {"subs": list(subs), "deleted": UserDeleted.type}))

    async def add(
        self, tx: Transaction, users: Sequence[NewUser], *, now: datetime, actor: Actor, origin: Origin
    ) -> frozenset[UUID]:
        """Write those whose subject and address are free, each with its event; return the row ids of those."""
        if not users:
            return frozenset()
        rows = json.dumps([_row(user) for user in users])
        written = await tx.scalars(_ADD, {"rows": rows, "entry": Entry.IMPORT.value, "now": now})
        ids = frozenset(written)
        await self._audit.record_all(
            tx,
            [
                UserCreated(actor=actor, origin=origin, subject=user.sub, entry=Entry.IMPORT.value)
                for user in users
                if user.id in ids
            ],
        )
        return ids


def _row(user: NewUser) -> dict[str, object]:
    return {
        "id": str(user.id),
        "sub": user.sub,
        "email": user.email.typed,
        "email_key": user.email.key,
        "email_verified_at": user.email_verified_at.isoformat() if user.email_verified_at else None,
        "name": user.name,
        "name_key": None if user.name is None else fold(user.name),
        "locale": user.locale,
        "attributes": dict(user.attributes),
        "status": user.status.value,
        "required_acr": user.required_acr,
        "created_at": user.created_at.isoformat(),
    }
