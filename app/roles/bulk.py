"""Giving roles to many users at once, and reading them of many."""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, or_, select, text

from app.audiences.own import SELF
from app.audit.event import Actor
from app.audit.service import AuditLog
from app.foundation.db import Transaction
from app.foundation.ids import new_id
from app.foundation.origin import Origin
from app.roles.events import RoleAssigned
from app.roles.models import GroupRole, Role, RoleAssignment, RolePermission
from app.roles.rules import AssignedRole

_ADD = text(
    """
    INSERT INTO role_assignments (id, user_id, role_id, audience, created_at)
    SELECT id, user_id, role_id, audience, CAST(:now AS timestamptz)
    FROM json_to_recordset(CAST(:rows AS json)) AS given (id uuid, user_id uuid, role_id uuid, audience text)
    ON CONFLICT DO NOTHING
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAssignment:
    """A role that a user is to hold, at one audience or everywhere."""

    user_id: UUID
    sub: str
    role_id: UUID
    role: str
    audience: str | None


class BulkAssignments:
    """Assignments by the hundred, in the caller's transaction."""

    def __init__(self, audit: AuditLog) -> None:
        self._audit = audit

    async def ids(self, tx: Transaction) -> Mapping[str, UUID]:
        """The row id of every role, by its name."""
        return {row.name: row.id for row in await tx.execute(select(Role.name, Role.id))}

    async def own_rights(self, tx: Transaction) -> Mapping[UUID, frozenset[str]]:
        """What each role amounts to at this service itself, of those that amount to anything."""
        statement = select(RolePermission.role_id, RolePermission.permission).where(RolePermission.audience == SELF)
        rights: dict[UUID, set[str]] = defaultdict(set)
        for row in await tx.execute(statement):
            rights[row.role_id].add(row.permission)
        return {role_id: frozenset(permissions) for role_id, permissions in rights.items()}

    async def rights_of_groups(self, tx: Transaction, group_ids: Collection[UUID]) -> Mapping[UUID, frozenset[str]]:
        """What the roles of each group amount to at this service itself, of those that amount to anything."""
        statement = (
            select(GroupRole.group_id, RolePermission.permission)
            .join(GroupRole, GroupRole.role_id == RolePermission.role_id)
            .where(
                GroupRole.group_id.in_(group_ids),
                RolePermission.audience == SELF,
                or_(GroupRole.audience.is_(None), GroupRole.audience == SELF),
            )
        )
        rights: dict[UUID, set[str]] = defaultdict(set)
        for row in await tx.execute(statement):
            rights[row.group_id].add(row.permission)
        return {group_id: frozenset(permissions) for group_id, permissions in rights.items()}

    async def add(
        self, tx: Transaction, assignments: Sequence[NewAssignment], *, now: datetime, actor: Actor, origin: Origin
    ) -> None:
        """Write assignments of users who have just been made and hold none, each with its event."""
        if not assignments:
            return
        rows = [
            {
                "id": str(new_id(now)),
                "user_id": str(given.user_id),
                "role_id": str(given.role_id),
                "audience": given.audience,
            }
            for given in assignments
        ]
        await tx.execute(_ADD, {"rows": json.dumps(rows), "now": now})
        await self._audit.record_all(
            tx,
            [
                RoleAssigned(actor=actor, origin=origin, subject=given.sub, role=given.role, audience=given.audience)
                for given in assignments
            ],
        )

    async def list_of(self, tx: Transaction, user_ids: Collection[UUID]) -> Mapping[UUID, list[AssignedRole]]:
        """The roles of many users, by name."""
        statement = (
            select(RoleAssignment.user_id, Role.name, RoleAssignment.audience)
            .join(RoleAssignment, RoleAssignment.role_id == Role.id)
            .where(RoleAssignment.user_id.in_(user_ids))
            .order_by(Role.name, func.coalesce(RoleAssignment.audience, ""))
        )
        held: dict[UUID, list[AssignedRole]] = defaultdict(list)
        for row in await tx.execute(statement):
            held[row.user_id].append(AssignedRole(row.name, row.audience))
        return held
