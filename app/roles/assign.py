"""Giving users roles and taking them away."""

from uuid import UUID

from app.audiences.service import Audiences
from app.audit.event import Actor
from app.audit.service import AuditLog
from app.foundation.clock import Clock
from app.foundation.db import Transaction
from app.foundation.ids import new_id
from app.foundation.origin import Origin
from app.roles import change, rights, store
from app.roles.change import Authority, By, RightsChange
from app.roles.events import RoleAssigned, RoleRemoved
from app.roles.rules import AssignedRole
from app.users.errors import UserNotFound


class RoleAssignments:
    """Who holds which role, everywhere or limited to one audience; in the caller's transaction.

    `audience` is a stored name, or None for everywhere. What is given is in the next token; what is taken is gone from
    the tokens that are out as well. Over the network each change needs the caller's `authority`; see `roles.change`
    for what it may not do. Changes take turns: call these before the transaction holds any user's row.
    """

    def __init__(self, clock: Clock, audit: AuditLog, audiences: Audiences, changes: RightsChange) -> None:
        self._clock = clock
        self._audit = audit
        self._audiences = audiences
        self._changes = changes

    async def list_of(self, tx: Transaction, user_id: UUID) -> list[AssignedRole]:
        """The roles that a user was given, by name; those of their groups are not among them."""
        return await store.list_assigned(tx, user_id)

    async def requirements_of(self, tx: Transaction, user_id: UUID) -> set[str]:
        """The `acr` that roles of a user or their groups ask for, wherever they hold them."""
        return await store.requirements_of(tx, user_id)

    async def assign(
        self,
        tx: Transaction,
        *,
        user_id: UUID,
        role: str,
        audience: str | None,
        actor: Actor,
        origin: Origin,
        authority: Authority | None = None,
    ) -> bool:
        """Give a user a role; False where they hold it so already.

        Raises UserNotFound, RoleNotFound, AudienceNotFound, RightNotHeld, OwnRights.
        """
        await rights.take_turn(tx)
        role_id = await store.get_id(tx, role)
        if audience is not None:
            await self._audiences.require(tx, audience)
        by = By(actor=actor, origin=origin, authority=authority)
        async with self._changes.giving(tx, by, given=await store.own_permissions(tx, role_id, limit=audience)):
            # Holding the row keeps a deletion at the same moment from leaving a role without its user.
            subject = await store.lock_user(tx, user_id)
            if subject is None:
                raise UserNotFound
            now = self._clock.now()
            assigned = await store.assign(tx, new_id(now), user_id=user_id, role_id=role_id, audience=audience, now=now)
            if assigned:
                event = RoleAssigned(actor=actor, origin=origin, subject=subject, role=role, audience=audience)
                await self._audit.record(tx, event)
        return assigned

    async def remove(
        self,
        tx: Transaction,
        *,
        user_id: UUID,
        role: str,
        audience: str | None,
        actor: Actor,
        origin: Origin,
        authority: Authority | None = None,
    ) -> bool:
        """Take a role from a user; False where they do not hold it so.

        A role held everywhere is taken by `audience` None, not piece by piece. Raises UserNotFound, RoleNotFound,
        RightNotHeld, and LastAdministrator where nobody would be left to administer this service.
        """
        await rights.take_turn(tx)
        role_id = await store.get_id(tx, role)
        by = By(actor=actor, origin=origin, authority=authority)
        taken = await store.own_permissions(tx, role_id, limit=audience)
        async with self._changes.taking(tx, by, who=change.one(user_id), taken=taken, reason="role_removed"):
            subject = await store.lock_user(tx, user_id)
            if subject is None:
                raise UserNotFound
            removed = await store.remove(tx, user_id=user_id, role_id=role_id, audience=audience)
            if removed:
                event = RoleRemoved(actor=actor, origin=origin, subject=subject, role=role, audience=audience)
                await self._audit.record(tx, event)
        return removed

    async def remove_all(self, tx: Transaction, user_id: UUID, *, subject: str, actor: Actor, origin: Origin) -> None:
        """Take every role from a user whose row this transaction has deleted.

        `require_dispensable` comes before the deletion.
        """
        for held in await store.list_assigned(tx, user_id):
            event = RoleRemoved(actor=actor, origin=origin, subject=subject, role=held.role, audience=held.audience)
            await self._audit.record(tx, event)
        await store.remove_all(tx, user_id)

    async def require_dispensable(self, tx: Transaction, user_id: UUID) -> None:
        """Refuse to do without a user who alone may administer this service. Raises LastAdministrator.

        Call it before the user's row is changed: until the transaction ends no other administrator can go.
        """
        await change.require_dispensable(tx, user_id)
