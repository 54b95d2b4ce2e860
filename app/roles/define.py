"""Registering roles and giving them permissions."""

from app.audiences.own import SELF
from app.audiences.service import Audiences
from app.audit.event import Actor
from app.audit.service import AuditLog
from app.foundation.clock import Clock
from app.foundation.db import Transaction
from app.foundation.ids import new_id
from app.foundation.origin import Origin
from app.protocols.assurance import ACR
from app.roles import rules, store
from app.roles.errors import BuiltInRole, RoleExists
from app.roles.events import PermissionGranted, PermissionWithdrawn, RoleCreated, RoleUpdated
from app.roles.rules import ListedRole


class RoleRegistration:
    """Writes the registry of roles, in the caller's transaction."""

    def __init__(self, clock: Clock, audit: AuditLog, audiences: Audiences) -> None:
        self._clock = clock
        self._audit = audit
        self._audiences = audiences

    async def list_all(self, tx: Transaction) -> list[ListedRole]:
        """Every role with its permissions, by name."""
        return await store.list_all(tx)

    async def create(self, tx: Transaction, name: str, *, actor: Actor, origin: Origin) -> None:
        """Register a role that holds nothing yet. Raises InvalidRole and RoleExists."""
        rules.check_role_name(name)
        if not await self._add(tx, name, actor=actor, origin=origin):
            raise RoleExists(f"There is a role {name} already.")

    async def grant(
        self, tx: Transaction, name: str, *, permission: str, audience: str, actor: Actor, origin: Origin
    ) -> bool:
        """Give a role a permission at an audience; False where it has it.

        Raises InvalidRole, RoleNotFound and AudienceNotFound.
        """
        rules.check_permission(permission, audience)
        role_id = await store.get_id(tx, name)
        await self._audiences.require(tx, audience)
        granted = await store.add_permission(tx, role_id, audience, permission)
        if granted:
            event = PermissionGranted(actor=actor, origin=origin, role=name, audience=audience, permission=permission)
            await self._audit.record(tx, event)
        return granted

    async def withdraw(
        self, tx: Transaction, name: str, *, permission: str, audience: str, actor: Actor, origin: Origin
    ) -> bool:
        """Take a permission at an audience from a role; False where it has it not.

        Tokens issued more than two seconds later lack it; those issued before keep it until they expire.
        Raises RoleNotFound, and BuiltInRole for what `admin` holds at this service itself.
        """
        if name == rules.ADMIN and audience == SELF:
            raise BuiltInRole("The role admin keeps every permission at this service itself.")
        role_id = await store.get_id(tx, name)
        rules.check_permission(permission, audience)
        withdrawn = await store.remove_permission(tx, role_id, audience, permission)
        if withdrawn:
            event = PermissionWithdrawn(actor=actor, origin=origin, role=name, audience=audience, permission=permission)
            await self._audit.record(tx, event)
        return withdrawn

    async def require_acr(self, tx: Transaction, name: str, acr: ACR | None, *, actor: Actor, origin: Origin) -> None:
        """Say how well the holders of a role must prove who they are; None asks for nothing special.

        Sign-ins follow within two seconds; sessions that are open stay as they are. Raises RoleNotFound.
        """
        value = None if acr is None else acr.value
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
