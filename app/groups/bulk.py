"""Putting many users into groups at once, and reading the groups of many."""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text

from app.audiences.own import SELF
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

_KNOWN = text(
    """
    SELECT g.id, g.name, (
      SELECT coalesce(json_agg(DISTINCT p.permission), '[]')::text
      FROM group_roles r JOIN role_permissions p ON p.role_id = r.role_id
      WHERE r.group_id = g.id AND p.audience = :own AND (r.audience IS NULL OR r.audience = :own)
    ) AS permissions
    FROM groups g
    """
)


@dataclass(frozen=True, slots=True)
class KnownGroup:
    """A group, and what its roles permit at this service itself."""

    id: UUID
    own_permissions: frozenset[str]


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

    async def known(self, tx: Transaction) -> Mapping[str, KnownGroup]:
        """Every group, by its name."""
        rows = await tx.execute(_KNOWN, {"own": SELF})
        return {row.name: KnownGroup(row.id, frozenset(json.loads(row.permissions))) for row in rows}

    async def add(
        self, tx: Transaction, members: Sequence[NewMember], *, now: datetime, actor: Actor, origin: Origin
    ) -> None:
        """Write memberships of users who have just been made and are in no group, each with its event."""
        if not members:
            return
        rows = [{"user_id": str(one.user_id), "group_id": str(one.group_id)} for one in members]
        await tx.execute(_ADD, {"rows": json.dumps(rows), "now": now})
        events = [GroupMemberAdded(actor=actor, origin=origin, subject=one.sub, group=one.group) for one in members]
        await self._audit.record_all(tx, events)

    async def list_of(self, tx: Transaction, user_ids: Collection[UUID]) -> Mapping[UUID, list[str]]:
        """The names of the groups of many users, in order."""
        statement = (
            select(GroupMember.user_id, Group.name)
            .join(Group, Group.id == GroupMember.group_id)
            .where(GroupMember.user_id.in_(user_ids))
            .order_by(Group.name)
        )
        found: dict[UUID, list[str]] = defaultdict(list)
        for row in await tx.execute(statement):
            found[row.user_id].append(row.name)
        return found
