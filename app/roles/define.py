"""Registering roles and giving them permissions."""

from collections.abc import Collection, Mapping

from app.audiences.own import SELF
from app.audiences.service import Audiences
from app.audit.event import Actor
from app.audit.service import AuditLog
from app.foundation.clock import Clock
from app.foundation.db import Transaction
from app.foundation.ids import new_id
from app.foundation.origin import Origin
from app.protocols.assurance import ACR
from app.roles import rights, rules, store
from app.roles.change import Authority, By, RightsChange
from app.roles.errors import BuiltInRole, InvalidRole, RoleExists
from app.roles.events import PermissionGranted, PermissionWithdrawn, RoleCreated, RoleDeleted, RoleUpdated
from app.roles.rules import ListedRole


class RoleRegistration:
    """Writes the registry of roles, in the caller's transaction."""

    def __init__(self, clock: Clock, audit: AuditLog, audiences: Audiences, changes: RightsChange) -> None:
        self._clock = clock
        self._audit = audit
        self._audiences = audiences
        self._changes = changes

    async def list_all(
        self, tx: Transaction, *, after: str | None = None, limit: int | None = None
    ) -> list[ListedRole]:
        """Roles with their permissions, by name; those after a name, and at most so many."""
        names = await store.names(tx, after=after, limit=limit)
        return await store.list_all(tx, names)

    async def hold(self, tx: Transaction, name: str) -> ListedRole:
        """One role, which nobody else changes until the transaction ends. Raises RoleNotFound."""
        await rights.take_turn(tx)
        return await self.get(tx, name)

    async def get(self, tx: Transaction, name: str) -> ListedRole:
        """One role with its permissions. Raises RoleNotFound."""
        await store.get_id(tx, name)
        return (await store.list_all(tx, [name]))[0]

    async def create(self, tx: Transaction, name: str, *, actor: Actor, origin: Origin) -> None:
        """Register a role that holds nothing yet. Raises InvalidRole and RoleExists."""
        rules.check_role_name(name)
        if not await self._add(tx, name, actor=actor, origin=origin):
            raise RoleExists(f"There is a role {name} already.")

    async def grant(
        self,
        tx: Transaction,
        name: str,
        *,
        permission: str,
        audience: str,
        actor: Actor,
        origin: Origin,
        authority: Authority | None = None,
    ) -> bool:
        """Give a role a permission at an audience; False where it has it. The next token of its holders has it.

        Raises InvalidRole, RoleNotFound, AudienceNotFound, RightNotHeld, OwnRights.
        """
        rules.check_permission(permission, audience)
        await rights.take_turn(tx)
        role_id = await store.get_id(tx, name)
        await self._audiences.require(tx, audience)
        by = By(actor=actor, origin=origin, authority=authority)
        async with self._changes.giving(tx, by, given=[permission] if audience == SELF else ()):
            granted = await store.add_permission(tx, role_id, audience, permission)
            if granted:
                await store.note_change(tx)
                await self._audit.record(tx, _granted(by, name, audience, permission))
        return granted

    async def withdraw(
        self,
        tx: Transaction,
        name: str,
        *,
        permission: str,
        audience: str,
        actor: Actor,
        origin: Origin,
        authority: Authority | None = None,
    ) -> bool:
        """Take a permission at an audience from a role; False where it has it not. The tokens that are out lose it.

        Raises RoleNotFound, RightNotHeld, LastAdministrator, and BuiltInRole for what `admin` holds at this service
        itself.
        """
        rules.check_permission(permission, audience)
        await rights.take_turn(tx)
        held = await store.pairs(tx, await store.get_id(tx, name))
        by = By(actor=actor, origin=origin, authority=authority)
        if (audience, permission) not in held:
            return False
        await self._replace(tx, name, held - {(audience, permission)}, by)
        return True

    async def set_permissions(
        self,
        tx: Transaction,
        name: str,
        wanted: Mapping[str, Collection[str]],
        *,
        actor: Actor,
        origin: Origin,
        authority: Authority | None = None,
    ) -> None:
        """Make these, by the audience's stored name, all the permissions of a role.

        Raises as `grant` and `withdraw` do.
        """
        for audience, permissions in wanted.items():
            await self._audiences.require(tx, audience)
            for permission in permissions:
                rules.check_permission(permission, audience)
        pairs = {(audience, permission) for audience, permissions in wanted.items() for permission in permissions}
        if len(pairs) > rules.MAX_PERMISSIONS:
            raise InvalidRole(f"A role has at most {rules.MAX_PERMISSIONS} permissions.")
        await self._replace(tx, name, pairs, By(actor=actor, origin=origin, authority=authority))

    async def delete(
        self, tx: Transaction, name: str, *, actor: Actor, origin: Origin, authority: Authority | None = None
    ) -> None:
        """Delete a role, which everybody who holds it loses at once.

        Raises RoleNotFound, RightNotHeld, LastAdministrator, and BuiltInRole for `admin`.
        """
        if name == rules.ADMIN:
            raise BuiltInRole("The role admin stays.")
        await rights.take_turn(tx)
        role_id = await store.get_id(tx, name)
        by = By(actor=actor, origin=origin, authority=authority)
        taken = await store.permissions(tx, role_id, SELF)
        async with self._changes.taking(tx, by, who=store.holders(role_id), taken=taken, reason="role_deleted"):
            await store.note_change(tx)
            await store.delete_role(tx, role_id)
            await self._audit.record(tx, RoleDeleted(actor=actor, origin=origin, role=name))

    async def _replace(self, tx: Transaction, name: str, wanted: set[tuple[str, str]], by: By) -> None:
        """Bring a role's permissions to what is wanted; whoever loses something by it loses it at once."""
        await rights.take_turn(tx)
        role_id = await store.get_id(tx, name)
        await store.note_change(tx)
        held = await store.pairs(tx, role_id)
        lost, gained = held - wanted, wanted - held
        if name == rules.ADMIN and any(audience == SELF for audience, _ in lost):
            raise BuiltInRole("The role admin keeps every permission at this service itself.")
        moved = {permission for audience, permission in lost | gained if audience == SELF}
        around = (
            self._changes.taking(tx, by, who=store.holders(role_id), taken=moved, reason="permission_withdrawn")
            if lost
            else self._changes.giving(tx, by, given=moved)
        )
        async with around:
            await store.replace_permissions(tx, role_id, wanted)
            for audience, permission in sorted(lost):
                await self._audit.record(tx, _withdrawn(by, name, audience, permission))
            for audience, permission in sorted(gained):
                await self._audit.record(tx, _granted(by, name, audience, permission))

    async def require_acr(self, tx: Transaction, name: str, acr: ACR | None, *, actor: Actor, origin: Origin) -> None:
        """Say how well the holders of a role must prove who they are; None asks for nothing special.

        The next sign-in follows; sessions that are open stay as they are. Raises RoleNotFound.
        """
        value = None if acr is None else acr.value
        await rights.take_turn(tx)
        await store.note_change(tx)
        await store.set_required_acr(tx, await store.get_id(tx, name), value)
        await self._audit.record(tx, RoleUpdated(actor=actor, origin=origin, role=name, required_acr=value))

    async def ensure_built_in(self, tx: Transaction, *, actor: Actor, origin: Origin) -> None:
        """Make sure that the role `admin` exists and holds every permission at this service itself.

        Idempotent, also by many processes at once: run at every start, so that a new release's permissions reach
        administrators.
        """
        await self._add(tx, rules.ADMIN, actor=actor, origin=origin)
        held = await store.permissions(tx, await store.get_id(tx, rules.ADMIN), SELF)
        for permission in sorted(rules.ADMIN_PERMISSIONS.difference(held)):
            await self.grant(tx, rules.ADMIN, permission=permission, audience=SELF, actor=actor, origin=origin)

    async def _add(self, tx: Transaction, name: str, *, actor: Actor, origin: Origin) -> bool:
        now = self._clock.now()
        added = await store.add(tx, new_id(now), name, now)
        if added:
            await self._audit.record(tx, RoleCreated(actor=actor, origin=origin, role=name))
        return added


def _granted(by: By, role: str, audience: str, permission: str) -> PermissionGranted:
    return PermissionGranted(actor=by.actor, origin=by.origin, role=role, audience=audience, permission=permission)


def _withdrawn(by: By, role: str, audience: str, permission: str) -> PermissionWithdrawn:
    return PermissionWithdrawn(actor=by.actor, origin=by.origin, role=role, audience=audience, permission=permission)
