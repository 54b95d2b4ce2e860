"""Changing a password by whoever knows the present one."""

from uuid import UUID

from app.audit.event import Actor, ActorKind
from app.audit.service import AuditLog
from app.factors.password.service import PasswordContext, Passwords
from app.foundation.db import Database
from app.foundation.origin import Origin
from app.limits.service import Limits
from app.links.service import LinkKind, Links
from app.recovery.errors import WrongPassword
from app.recovery.events import PasswordChangeRefused
from app.recovery.notice import PasswordNotice
from app.sessions.service import Sessions
from app.users.service import Users


class PasswordChange:
    """The change of a signed-in person's own password. How fresh the sign-in must be, the caller has checked."""

    def __init__(
        self,
        db: Database,
        *,
        audit: AuditLog,
        users: Users,
        passwords: Passwords,
        sessions: Sessions,
        links: Links,
        notice: PasswordNotice,
        limits: Limits,
    ) -> None:
        self._db = db
        self._audit = audit
        self._users = users
        self._passwords = passwords
        self._sessions = sessions
        self._links = links
        self._notice = notice
        self._limits = limits

    async def change(
        self, user_id: UUID, current_password: str, new_password: str, *, session_id: UUID, origin: Origin
    ) -> None:
        """Set another password, end every session but this one, and tell the owner.

        A wrong present password counts towards the limit of second factors: an open session must not become a place
        to guess at. Raises TooManyAttempts, WrongPassword, PasswordRefused, HashingBusy.
        """
        async with self._db.transaction() as tx:
            user = await self._users.get(tx, user_id)
            stored = await self._passwords.stored(tx, user_id)
        context = PasswordContext(email=user.email, name=user.name)
        self._passwords.check_choice(new_password, context, pointer="/new_password")
        await self._limits.factor(user_id)
        actor = Actor(ActorKind.USER, user.sub)
        if not await self._passwords.verify(stored, current_password):
            async with self._db.transaction() as tx:
                await self._audit.record(tx, PasswordChangeRefused(actor=actor, origin=origin, subject=user.sub))
            raise WrongPassword
        password_hash = await self._passwords.hash(new_password)
        async with self._db.transaction() as tx:
            await self._users.note_changed_credentials(tx, user_id)
            # Of two changes at once the second finds that what it proved is not the password any more.
            unchanged = await self._passwords.stored(tx, user_id) == stored
            if unchanged:
                await self._passwords.set(tx, user_id, password_hash)
                await self._sessions.end_others(
                    tx,
                    user_id,
                    keep=session_id,
                    subject=user.sub,
                    reason="password_changed",
                    actor=actor,
                    origin=origin,
                )
                await self._links.end(tx, user_id, LinkKind.RESET_PASSWORD)
                await self._notice.give(tx, user, actor=actor, origin=origin)
        if not unchanged:
            raise WrongPassword
