"""Suspending, reactivating and deleting users."""

from datetime import datetime
from uuid import UUID

from app.audit.erasure import AuditErasure
from app.audit.event import Actor
from app.consents.service import Consents
from app.factors.factor import FactorName
from app.factors.password.service import Passwords
from app.factors.service import Factors
from app.federation.identities.service import Identities
from app.foundation.db import Database, Transaction
from app.foundation.origin import Origin
from app.groups.service import Groups
from app.lifecycle import store
from app.lifecycle.interruption import Interruption
from app.links.service import Links
from app.revocation.kinds import RevocationKind
from app.revocation.service import Revocations
from app.roles.assign import RoleAssignments
from app.sessions.service import Sessions
from app.trust.service import TrustedBrowsers
from app.users.service import Users
from app.users.user import User, UserStatus


class UserLifecycle:
    """What happens to a user as a whole; each use case is one transaction.

    The user's row is changed first and the sessions are ended after it. Whoever signs in at the same moment
    holds that row: either their session is there when the sessions are ended, or they find the change and get
    none. The last administrator is kept. Raises UserNotFound, and LastAdministrator where nobody would be left.
    """

    def __init__(
        self,
        db: Database,
        *,
        users: Users,
        passwords: Passwords,
        roles: RoleAssignments,
        groups: Groups,
        sessions: Sessions,
        factors: Factors,
        links: Links,
        interruption: Interruption,
        revocations: Revocations,
        erasure: AuditErasure,
        consents: Consents,
        trusted: TrustedBrowsers,
        identities: Identities,
    ) -> None:
        self._db = db
        self._users = users
        self._passwords = passwords
        self._factors = factors
        self._roles = roles
        self._groups = groups
        self._sessions = sessions
        self._links = links
        self._interruption = interruption
        self._revocations = revocations
        self._erasure = erasure
        self._consents = consents
        self._trusted = trusted
        self._identities = identities

    async def suspend(self, user_id: UUID, *, actor: Actor, origin: Origin) -> User:
        """Keep a user from acting and end all that is under way in the account. Idempotent."""
        async with self._db.transaction() as tx:
            await self._roles.require_dispensable(tx, user_id)
            user = await self._users.set_status(tx, user_id, UserStatus.SUSPENDED, actor=actor, origin=origin)
            await self._interruption.end_everything(tx, user, reason="user_suspended", actor=actor, origin=origin)
            await self._revocations.add(tx, RevocationKind.SUB, user.sub, reason="user_suspended")
            await self._interruption.put_keys_to_sleep(tx, user, reason="user_suspended")
        return user

    async def reactivate(self, user_id: UUID, *, actor: Actor, origin: Origin) -> User:
        """Let a suspended user act again, or give back an account that its user closed. Idempotent.

        What was ended stays ended, also what was issued in the second of the suspension.
        """
        async with self._db.transaction() as tx:
            sub = (await self._users.get(tx, user_id)).sub
        await self._revocations.let_pass(self._db, RevocationKind.SUB, sub)
        async with self._db.transaction() as tx:
            user = await self._users.set_status(tx, user_id, UserStatus.ACTIVE, actor=actor, origin=origin)
            await store.remove(tx, user_id)
        return user

    async def close(
        self, tx: Transaction, user_id: UUID, *, due_at: datetime, actor: Actor, origin: Origin
    ) -> User | None:
        """Close an active user's account in the caller's transaction; None where it is not active.

        All that is under way in it ends.
        """
        await self._roles.require_dispensable(tx, user_id)
        user = await self._users.close(tx, user_id, due_at=due_at, actor=actor, origin=origin)
        if user is not None:
            await self._interruption.end_everything(tx, user, reason="account_closed", actor=actor, origin=origin)
            await self._revocations.add(tx, RevocationKind.SUB, user.sub, reason="account_closed")
            await self._interruption.put_keys_to_sleep(tx, user, reason="account_closed")
        return user

    async def delete(self, user_id: UUID, *, actor: Actor, origin: Origin) -> User:
        """Remove a user with all that is kept of them, and end every session. The audit log keeps the subject alone."""
        async with self._db.transaction() as tx:
            await self._roles.require_dispensable(tx, user_id)
            return await self.remove(tx, user_id, actor=actor, origin=origin)

    async def remove(self, tx: Transaction, user_id: UUID, *, actor: Actor, origin: Origin) -> User:
        """The same in the caller's transaction, of a user without whom this service can be administered."""
        user = await self._users.delete(tx, user_id, actor=actor, origin=origin)
        await self._sessions.end_all(tx, user_id, subject=user.sub, reason="user_deleted", actor=actor, origin=origin)
        await self._revocations.add(tx, RevocationKind.SUB, user.sub, reason="user_deleted")
        await self._interruption.forget_keys(tx, user, reason="user_deleted", actor=actor, origin=origin)
        await self._sessions.forget(tx, user_id)
        await self._roles.remove_all(tx, user_id, subject=user.sub, actor=actor, origin=origin)
        await self._groups.forget(tx, user_id)
        await self._passwords.delete(tx, user_id)
        await self._factors.forget_second(tx, user_id)
        await self._factors.forget(tx, user_id, FactorName.EMAIL_CODE)
        await self._links.delete(tx, user_id)
        await self._consents.forget(tx, user_id)
        await self._trusted.forget(tx, user_id)
        await self._identities.forget(tx, user_id)
        await store.remove(tx, user_id)
        await self._erasure.erase(tx, user.sub)
        return user
