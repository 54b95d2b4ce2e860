"""Suspending, reactivating and deleting users."""

from uuid import UUID

from app.audit.event import Actor
from app.factors.password.service import Passwords
from app.factors.service import Factors
from app.foundation.db import Database
from app.foundation.origin import Origin
from app.links.service import Links
from app.roles.assign import RoleAssignments
from app.sessions.service import Sessions
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
        sessions: Sessions,
        factors: Factors,
        links: Links,
    ) -> None:
        self._db = db
        self._users = users
        self._passwords = passwords
        self._factors = factors
        self._roles = roles
        self._sessions = sessions
        self._links = links

    async def suspend(self, user_id: UUID, *, actor: Actor, origin: Origin) -> User:
        """Keep a user from acting and end every session. Idempotent."""
        async with self._db.transaction() as tx:
            await self._roles.require_dispensable(tx, user_id)
            user = await self._users.set_status(tx, user_id, UserStatus.SUSPENDED, actor=actor, origin=origin)
            await self._sessions.end_all(
                tx, user_id, subject=user.sub, reason="user_suspended", actor=actor, origin=origin
            )
        return user

    async def reactivate(self, user_id: UUID, *, actor: Actor, origin: Origin) -> User:
        """Let a suspended user act again; what was ended stays ended. Idempotent."""
        async with self._db.transaction() as tx:
            return await self._users.set_status(tx, user_id, UserStatus.ACTIVE, actor=actor, origin=origin)

    async def delete(self, user_id: UUID, *, actor: Actor, origin: Origin) -> User:
        """Remove a user with their credentials and roles, and end every session. The audit log keeps the subject."""
        async with self._db.transaction() as tx:
            await self._roles.require_dispensable(tx, user_id)
            user = await self._users.delete(tx, user_id, actor=actor, origin=origin)
            await self._sessions.end_all(
                tx, user_id, subject=user.sub, reason="user_deleted", actor=actor, origin=origin
            )
            await self._roles.remove_all(tx, user_id, subject=user.sub, actor=actor, origin=origin)
            await self._passwords.delete(tx, user_id)
            await self._factors.forget_second(tx, user_id)
            await self._links.delete(tx, user_id)
        return user
