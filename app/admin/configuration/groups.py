"""Groups and the roles that they hold, as configuration."""

from uuid import UUID

from app.admin.configuration.document import GroupEntry, HeldRole
from app.admin.configuration.kind import Acting, Present
from app.foundation.db import Transaction
from app.groups.rules import Group
from app.groups.service import Groups
from app.roles.change import By

_PAGE = 200


class GroupKind:
    """Groups, by name. Who is in them is no configuration."""

    word, part = "group", "groups"

    def __init__(self, groups: Groups) -> None:
        self._groups = groups

    async def read(self, tx: Transaction) -> Present[GroupEntry]:
        """Every group."""
        found: list[Group] = []
        while page := await self._groups.list_all(tx, after=found[-1].id if found else None, limit=_PAGE):
            found += page
        entries = {}
        for group in found:
            roles = sorted(await self._held(tx, group.id), key=repr)
            held = [HeldRole(role=role, audience=audience) for role, audience in roles]
            entries[group.name] = GroupEntry(description=group.description, roles=held)
        return Present(entries)

    async def create(self, tx: Transaction, name: str, entry: GroupEntry, acting: Acting) -> None:
        """Make one. Raises what `Groups.create` and `assign_role` raise."""
        group = await self._groups.create(tx, name, description=entry.description, by=_by(acting))
        await self._set_roles(tx, group.id, entry, acting)

    async def update(self, tx: Transaction, name: str, entry: GroupEntry, acting: Acting) -> None:
        """Give one another description and other roles. Raises what `Groups` raises."""
        group = await self._groups.get_by_name(tx, name)
        await self._groups.update(tx, group.id, name=name, description=entry.description, by=_by(acting))
        await self._set_roles(tx, group.id, entry, acting)

    async def settle(self, *_: object) -> list[str]:
        """Nothing is left to do."""
        return []

    async def remove(self, tx: Transaction, name: str, acting: Acting) -> bool:
        """Delete one; its members lose what they held by it. Raises what `Groups.delete` raises."""
        group = await self._groups.get_by_name(tx, name)
        await self._groups.delete(tx, group.id, by=_by(acting))
        return True

    async def _held(self, tx: Transaction, group_id: UUID) -> set[tuple[str, str | None]]:
        return {(held.role, held.audience) for held in await self._groups.roles_of(tx, group_id)}

    async def _set_roles(self, tx: Transaction, group_id: UUID, entry: GroupEntry, acting: Acting) -> None:
        wanted = {(held.role, held.audience) for held in entry.roles}
        present = await self._held(tx, group_id)
        for role, audience in sorted(wanted - present, key=repr):
            await self._groups.assign_role(tx, group_id, role=role, audience=audience, by=_by(acting))
        for role, audience in sorted(present - wanted, key=repr):
            await self._groups.remove_role(tx, group_id, role=role, audience=audience, by=_by(acting))


def _by(acting: Acting) -> By:
    return By(actor=acting.actor, origin=acting.origin)
