"""Giving groups roles and taking them away."""

from uuid import UUID

from app.audiences.service import Audiences
from app.audit.service import AuditLog
from app.foundation.clock import Clock
from app.foundation.db import Transaction
from app.foundation.ids import new_id
from app.roles import rights, store
from app.roles.change import By, RightsChange
from app.roles.events import GroupRoleAssigned, GroupRoleRemoved
from app.roles.rules import AssignedRole


class GroupRoles:
    """Which roles the members of a group hold with it; in the caller's transaction, which holds the group's row."""

    def __init__(self, clock: Clock, audit: AuditLog, audiences: Audiences, changes: RightsChange) -> None:
        self._clock = clock
        self._audit = audit
        self._audiences = audiences
        self._changes = changes

    async def list_of(self, tx: Transaction, group_id: UUID) -> list[AssignedRole]:
        """The roles of a group, by name."""
        return await store.list_of_group(tx, group_id)

    async def own_permissions(self, tx: Transaction, group_id: UUID) -> frozenset[str]:
        """What the roles of a group amount to at this service itself."""
        return frozenset(await store.own_permissions_of_group(tx, group_id))

    async def assign(
        self, tx: Transaction, group_id: UUID, *, group: str, role: str, audience: str | None, by: By
    ) -> bool:
        """Give a group a role; False where it holds it so already.

        Raises RoleNotFound, AudienceNotFound, RightNotHeld, OwnRights.
        """
        await rights.take_turn(tx)
        role_id = await store.get_id(tx, role)
        if audience is not None:
            await self._audiences.require(tx, audience)
        now = self._clock.now()
        async with self._changes.giving(tx, by, given=await store.own_permissions(tx, role_id, limit=audience)):
            assigned = await store.assign_to_group(
                tx, new_id(now), group_id=group_id, role_id=role_id, audience=audience, now=now
            )
            if assigned:
                event = GroupRoleAssigned(actor=by.actor, origin=by.origin, group=group, role=role, audience=audience)
                await self._audit.record(tx, event)
        return assigned

    async def remove(
        self, tx: Transaction, group_id: UUID, *, group: str, role: str, audience: str | None, by: By
    ) -> bool:
        """Take a role from a group; False where it does not hold it so. Its members lose it at once.

        Raises RoleNotFound, RightNotHeld, LastAdministrator.
        """
        await rights.take_turn(tx)
        role_id = await store.get_id(tx, role)
        taken = await store.own_permissions(tx, role_id, limit=audience)
        who = store.members(group_id)
        async with self._changes.taking(tx, by, who=who, taken=taken, reason="group_role_removed"):
            removed = await store.remove_from_group(tx, group_id=group_id, role_id=role_id, audience=audience)
            if removed:
                event = GroupRoleRemoved(actor=by.actor, origin=by.origin, group=group, role=role, audience=audience)
                await self._audit.record(tx, event)
        return removed

    async def forget(self, tx: Transaction, group_id: UUID) -> None:
        """Take every role from a group that goes. Whoever deletes it wraps this into a change of rights."""
        await store.remove_all_of_group(tx, group_id)
