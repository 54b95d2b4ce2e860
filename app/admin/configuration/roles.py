"""Roles and their permissions, as configuration."""

from app.admin.configuration.document import RoleEntry
from app.admin.configuration.kind import Acting, Present
from app.audiences.own import SELF
from app.foundation.db import Transaction
from app.protocols.assurance import ACR
from app.roles.define import RoleRegistration
from app.roles.rules import ADMIN


class RoleKind:
    """Roles, by name. What `admin` may do at this service itself is no configuration, and stands nowhere."""

    word, part = "role", "roles"

    def __init__(self, registration: RoleRegistration) -> None:
        self._registration = registration

    async def read(self, tx: Transaction) -> Present[RoleEntry]:
        """Every role."""
        found = {}
        for role in await self._registration.list_all(tx):
            permissions = {
                audience: held
                for audience, held in role.permissions.items()
                if held and not (role.name == ADMIN and audience == SELF)
            }
            acr = ACR(role.required_acr) if role.required_acr else None
            found[role.name] = RoleEntry(permissions=permissions, required_acr=acr)
        return Present(found)

    async def create(self, tx: Transaction, name: str, entry: RoleEntry, acting: Acting) -> None:
        """Make one. Raises what `RoleRegistration.create` and `set_permissions` raise."""
        await self._registration.create(tx, name, actor=acting.actor, origin=acting.origin)
        await self._set(tx, name, entry, acting)

    async def update(self, tx: Transaction, name: str, entry: RoleEntry, acting: Acting) -> None:
        """Give one other permissions. Raises what `RoleRegistration.set_permissions` raises."""
        await self._set(tx, name, entry, acting)

    async def settle(self, *_: object) -> list[str]:
        """Nothing is left to do."""
        return []

    async def remove(self, tx: Transaction, name: str, acting: Acting) -> bool:
        """Delete one, which everybody who holds it loses. Raises what `RoleRegistration.delete` raises."""
        await self._registration.delete(tx, name, actor=acting.actor, origin=acting.origin)
        return True

    async def _set(self, tx: Transaction, name: str, entry: RoleEntry, acting: Acting) -> None:
        present = await self._registration.get(tx, name)
        wanted = dict(entry.permissions)
        if name == ADMIN:
            wanted[SELF] = present.permissions.get(SELF, [])
        await self._registration.set_permissions(tx, name, wanted, actor=acting.actor, origin=acting.origin)
        asked = entry.required_acr
        if present.required_acr != (asked.value if asked else None):
            await self._registration.require_acr(tx, name, asked, actor=acting.actor, origin=acting.origin)
