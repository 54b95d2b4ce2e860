"""Giving users roles and taking them away."""

from uuid import UUID

from app.audiences.own import SELF
from app.audiences.service import Audiences
from app.audit.event import Actor
from app.audit.service import AuditLog
from app.foundation.clock import Clock
from app.foundation.db import Transaction
from app.foundation.ids import new_id
from app.foundation.origin import Origin
from app.roles import rules, store
from app.roles.errors import LastAdministrator
from app.roles.events import RoleAssigned, RoleRemoved
from app.roles.rules import AssignedRole
from app.users.errors import UserNotFound


class RoleAssignments:
    """Who holds which role, everywhere or limited to one audience; in the caller's transaction.

    `audience` is a stored name, or None for everywhere. Tokens issued before a change keep what they say until
    they expire.
    """

    def __init__(self, clock: Clock, audit: AuditLog, audiences: Audiences) -> None:
        self._clock = clock
        self._audit = audit
        self._audiences = audiences

    async def list_of(self, tx: Transaction, user_id: UUID) -> list[AssignedRole]:
        """The roles of a user, by name."""
        return await store.list_assigned(tx, user_id)

    async def requirements_of(self, tx: Transaction, user_id: UUID) -> set[str]:
        """The `acr` that roles of a user ask for, wherever they hold them."""
        return await store.requirements_of(tx, user_id)

    async def assign(
        self, tx: Transaction, *, user_id: UUID, role: str, audience: str | None, actor: Actor, origin: Origin
    ) -> bool:
        """Give a user a role; False where they hold it so already.

        Raises UserNotFound, RoleNotFound and AudienceNotFound.
        """
        role_id = await store.get_id(tx, role)
        if audience is not None:
            await self._audiences.require(tx, audience)
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
        self, tx: Transaction, *, user_id: UUID, role: str, audience: str | None, actor: Actor, origin: Origin
    ) -> bool:
        """Take a role from a user; False where they do not hold it so.

        A role held everywhere is taken by `audience` None, not piece by piece. Raises UserNotFound, RoleNotFound,
        and LastAdministrator where nobody would be left to administer this service.
        """
        role_id = await store.get_id(tx, role)
        if role == rules.ADMIN and audience in {None, SELF}:
            await store.lock_administrators(tx)
        subject = await store.lock_user(tx, user_id)
        if subject is None:
            raise UserNotFound
        was_administrator = await store.is_active_administrator(tx, rules.ADMIN, user_id)
        removed = await store.remove(tx, user_id=user_id, role_id=role_id, audience=audience)
        if was_administrator and not await store.is_active_administrator(tx, rules.ADMIN, user_id):
            await self._require_other_administrator(tx, user_id)
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
        await store.lock_administrators(tx)
        if await store.is_active_administrator(tx, rules.ADMIN, user_id):
            await self._require_other_administrator(tx, user_id)

    async def _require_other_administrator(self, tx: Transaction, user_id: UUID) -> None:
        if not await store.has_other_administrator(tx, rules.ADMIN, user_id):
            raise LastAdministrator("Nobody else may administer this service. Make another user admin first.")
