"""Putting many users into groups at once, and reading the groups of many."""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text

from app.audit.event import Actor
from app.audit.service import AuditLog
from app.foundation.db import Transaction
from app.foundation.origin import Origin
from app.groups.events import GroupMemberAdded
from app.groups.models import Group, GroupMember

_ADD = text(
    """
    INSERT INTO group_members (user_id, group_id, created_at)
    SELECT user_id, group_id, CAST(:now AS timestamptz)
    FROM json_to_recordset(CAST(:rows AS json)) AS given (user_id uuid, group_id uuid)
    ON CONFLICT DO NOTHING
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMember:
    """A user who is to be in a group."""

    user_id: UUID
    sub: str
    group_id: UUID
    group: str


class BulkMembers:
    """Memberships by the hundred, in the caller's transaction."""

    def __init__(self, audit: AuditLog) -> None:
        self._audit = audit

    async def ids(self, tx: Transaction, names: Collection[str]) -> Mapping[str, UUID]:
        """The row ids of the groups of these names, of those that there are."""
        if not names:
            return {}
        statement = select(Group.name, Group.id).where(Group.name.in_(names))
        return {row.name: row.id for row in await tx.execute(statement)}

    async def add(
        self, tx: Transaction, members: Sequence[NewMember], *, now: datetime, actor: Actor, origin: Origin
    ) -> None:
        """Write memberships of users who have just been made and are in no group, each with its event."""
        if not members:
            return
        rows = [{"user_id": str(given.user_id), "group_id": str(given.group_id)} for given in members]
        await tx.execute(_ADD, {"rows": json.dumps(rows), "now": now})
        events = [
            GroupMemberAdded(actor=actor, origin=origin, subject=given.sub, group=given.group) for given in members
        ]
        await self._audit.record_all(tx, events)

    async def list_of(self, tx: Transaction, user_ids: Collection[UUID]) -> Mapping[UUID, list[str]]:
        """The groups of many users, by name."""
        statement = (
            select(GroupMember.user_id, Group.name)
            .join(GroupMember, GroupMember.group_id == Group.id)
            .where(GroupMember.user_id.in_(user_ids))
            .order_by(Group.name)
        )
        groups: dict[UUID, list[str]] = defaultdict(list)
        for row in await tx.execute(statement):
            groups[row.user_id].append(row.name)
        return groups
