"""Making groups, and who is in them."""

from dataclasses import replace
from uuid import UUID

from app.audit.service import AuditLog
from app.foundation.clock import Clock
from app.foundation.db import Transaction
from app.foundation.ids import new_id
from app.groups import store
from app.groups.errors import GroupExists, GroupNotFound, TooManyGroups
from app.groups.events import GroupCreated, GroupDeleted, GroupMemberAdded, GroupMemberRemoved, GroupUpdated
from app.groups.rules import MAX_GROUPS_OF_A_USER, Group, Member, check_group
from app.roles import change
from app.roles.change import By, RightsChange
from app.roles.group_roles import GroupRoles
from app.roles.rights import take_turn
from app.roles.rules import AssignedRole
from app.users.errors import UserNotFound


class Groups:
    """The groups of this deployment, in the caller's transaction.

    Each member holds the group's roles: coming in is in their next token, and leaving is in those that are out as
    well. Changes take turns: call these before the transaction holds any user's row.
    """

    def __init__(self, clock: Clock, audit: AuditLog, roles: GroupRoles, changes: RightsChange) -> None:
        self._clock = clock
        self._audit = audit
        self._roles = roles
        self._changes = changes

    async def get(self, tx: Transaction, group_id: UUID) -> Group:
        """The group of this row id. Raises GroupNotFound."""
        found = await store.find(tx, group_id)
        if found is None:
            raise GroupNotFound("There is no such group.")
        return found

    async def hold(self, tx: Transaction, group_id: UUID) -> Group:
        """The same, and nobody else changes it until the transaction ends. Raises GroupNotFound."""
        await take_turn(tx)
        return await self.get(tx, group_id)

    async def get_by_name(self, tx: Transaction, name: str) -> Group:
        """The group of this name. Raises GroupNotFound."""
        found = await store.find_by_name(tx, name) if name.isprintable() else None
        if found is None:
            raise GroupNotFound("There is no group of that name.")
        return found

    async def list_all(self, tx: Transaction, *, after: UUID | None = None, limit: int) -> list[Group]:
        """Groups in the order in which they were made."""
        return await store.list_after(tx, after=after, limit=limit)

    async def list_members(
        self, tx: Transaction, group_id: UUID, *, after: UUID | None = None, limit: int
    ) -> list[Member]:
        """Who is in a group, after the user of that row id."""
        return await store.list_members(tx, group_id, after=after, limit=limit)

    async def list_of(self, tx: Transaction, user_id: UUID) -> list[Group]:
        """The groups of a user, by name."""
        return await store.list_of(tx, user_id)

    async def roles_of(self, tx: Transaction, group_id: UUID) -> list[AssignedRole]:
        """The roles that a group holds, by name."""
        return await self._roles.list_of(tx, group_id)

    async def create(self, tx: Transaction, name: str, *, description: str | None = None, by: By) -> Group:
        """Make a group without members and roles. Raises InvalidGroup, GroupExists."""
        check_group(name, description)
        now = self._clock.now()
        group = Group(id=new_id(now), name=name, description=description, created_at=now, updated_at=now)
        if not await store.add(tx, group):
            raise GroupExists(f"There is a group {name} already.")
        await self._audit.record(tx, GroupCreated(actor=by.actor, origin=by.origin, group=name))
        return group

    async def update(self, tx: Transaction, group_id: UUID, *, name: str, description: str | None, by: By) -> Group:
        """Give a group another name or description. With the old name the tokens that show it go.

        Raises GroupNotFound, InvalidGroup, GroupExists.
        """
        check_group(name, description)
        await take_turn(tx)
        present = await self.get(tx, group_id)
        if (name, description) == (present.name, present.description):
            return present
        wanted = replace(present, name=name, description=description, updated_at=self._clock.now())
        if name == present.name:
            await self._write(tx, present, wanted, by)
            return wanted
        taken = await store.find_by_name(tx, name)
        if taken is not None:
            raise GroupExists(f"There is a group {name} already.")
        async with self._changes.taking(tx, by, who=store.members(group_id), reason="group_renamed"):
            await self._write(tx, present, wanted, by)
        return wanted

    async def _write(self, tx: Transaction, present: Group, wanted: Group, by: By) -> None:
        await store.change(tx, present.id, name=wanted.name, description=wanted.description, now=wanted.updated_at)
        event = GroupUpdated(actor=by.actor, origin=by.origin, group=wanted.name, before=present.name)
        await self._audit.record(tx, event)

    async def delete(self, tx: Transaction, group_id: UUID, *, by: By) -> None:
        """Delete a group; its members lose at once what they held by it.

        Raises GroupNotFound, RightNotHeld, LastAdministrator.
        """
        await take_turn(tx)
        group = await self.get(tx, group_id)
        taken = await self._roles.own_permissions(tx, group_id)
        members = await store.count_members(tx, group_id)
        who = store.members(group_id)
        async with self._changes.taking(tx, by, who=who, taken=taken, reason="group_deleted"):
            await self._roles.forget(tx, group_id)
            await store.remove(tx, group_id)
            event = GroupDeleted(actor=by.actor, origin=by.origin, group=group.name, members=members)
            await self._audit.record(tx, event)

    async def add_member(self, tx: Transaction, group_id: UUID, sub: str, *, by: By) -> bool:
        """Put the user of this subject into a group; False where they are in it.

        Raises GroupNotFound, UserNotFound, TooManyGroups, RightNotHeld, OwnRights.
        """
        await take_turn(tx)
        group = await self.get(tx, group_id)
        async with self._changes.giving(tx, by, given=await self._roles.own_permissions(tx, group_id)):
            # Holding the row keeps a deletion at the same moment from leaving a membership without its user.
            user_id = await store.lock_user(tx, sub)
            if user_id is None:
                raise UserNotFound("There is no such user.")
            added = await store.add_member(tx, group_id, user_id, self._clock.now())
            if added and await store.count_of(tx, user_id) > MAX_GROUPS_OF_A_USER:
                raise TooManyGroups(f"A user is in at most {MAX_GROUPS_OF_A_USER} groups.")
            if added:
                event = GroupMemberAdded(actor=by.actor, origin=by.origin, subject=sub, group=group.name)
                await self._audit.record(tx, event)
        return added

    async def remove_member(self, tx: Transaction, group_id: UUID, sub: str, *, by: By) -> bool:
        """Take the user of this subject out of a group; False where they are not in it.

        Raises GroupNotFound, UserNotFound, RightNotHeld, LastAdministrator.
        """
        await take_turn(tx)
        group = await self.get(tx, group_id)
        taken = await self._roles.own_permissions(tx, group_id)
        user_id = await store.lock_user(tx, sub)
        if user_id is None:
            raise UserNotFound("There is no such user.")
        async with self._changes.taking(
            tx, by, who=change.one(user_id), taken=taken, reason="group_membership_removed"
        ):
            removed = await store.remove_member(tx, group_id, user_id)
            if removed:
                event = GroupMemberRemoved(actor=by.actor, origin=by.origin, subject=sub, group=group.name)
                await self._audit.record(tx, event)
        return removed

    async def assign_role(self, tx: Transaction, group_id: UUID, *, role: str, audience: str | None, by: By) -> bool:
        """Give a group a role, and with it each member; False where it holds it so already.

        Raises GroupNotFound, RoleNotFound, AudienceNotFound, RightNotHeld, OwnRights.
        """
        await take_turn(tx)
        group = await self.get(tx, group_id)
        return await self._roles.assign(tx, group_id, group=group.name, role=role, audience=audience, by=by)

    async def remove_role(self, tx: Transaction, group_id: UUID, *, role: str, audience: str | None, by: By) -> bool:
        """Take a role from a group, and from each member who holds it by nothing else; False where it holds it not.

        Raises GroupNotFound, RoleNotFound, RightNotHeld, LastAdministrator.
        """
        await take_turn(tx)
        group = await self.get(tx, group_id)
        return await self._roles.remove(tx, group_id, group=group.name, role=role, audience=audience, by=by)

    async def forget(self, tx: Transaction, user_id: UUID) -> None:
        """Take a user whose row this transaction has deleted out of every group."""
        await store.remove_everywhere(tx, user_id)
