"""Making an administrator, from the command line alone: there is no default one and no set-up page."""

from dataclasses import dataclass

from app.audit.event import Actor
from app.audit.service import AuditLog
from app.factors.password.events import PasswordChanged
from app.factors.password.service import PasswordContext, Passwords
from app.foundation.db import Database, Transaction
from app.foundation.origin import Origin
from app.foundation.secrets import random_secret
from app.lifecycle.errors import NotWhileSuspended
from app.roles.assign import RoleAssignments
from app.roles.define import RoleRegistration
from app.roles.rules import ADMIN
from app.sessions.service import Sessions
from app.users.errors import EmailTaken
from app.users.service import Users
from app.users.user import Entry, User, UserStatus


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Administrator:
    """The administrator, whether the user is new, and the password that was made up for them, if one was."""

    user: User
    is_new: bool
    made_up_password: str | None


class AdministratorCreation:
    """Makes a user an administrator, and the user where there is none of that address."""

    def __init__(
        self,
        db: Database,
        audit: AuditLog,
        *,
        users: Users,
        passwords: Passwords,
        roles: RoleRegistration,
        assignments: RoleAssignments,
        sessions: Sessions,
    ) -> None:
        self._db = db
        self._audit = audit
        self._users = users
        self._passwords = passwords
        self._roles = roles
        self._assignments = assignments
        self._sessions = sessions

    async def create(self, *, email: str, password: str | None, actor: Actor, origin: Origin) -> Administrator:
        """Make the user of this address an administrator everywhere, with a proven address. Idempotent.

        Without `password` a new user gets one that is made up. Raises EmailRefused, PasswordRefused,
        NotWhileSuspended, HashingBusy.
        """
        if password is not None:
            self._passwords.check_choice(password, PasswordContext(email=email))
        async with self._db.transaction() as tx:
            present = await self._users.find_by_email(tx, email)
            old_hash = None if present is None else await self._passwords.stored(tx, present.id)
        if present is not None and not present.is_active:
            word = "suspended" if present.status is UserStatus.SUSPENDED else "closed"
            raise NotWhileSuspended(f"This user's account is {word}. Reactivate it first.")
        new_password = await self._password_to_set(present, old_hash, password)
        new_hash = None if new_password is None else await self._passwords.hash(new_password)
        try:
            user = await self._write(present, new_hash, email=email, actor=actor, origin=origin)
        except EmailTaken:
            # Someone took the address at this very moment: now the user is there.
            return await self.create(email=email, password=password, actor=actor, origin=origin)
        made_up = new_password if password is None else None
        return Administrator(user=user, is_new=present is None, made_up_password=made_up)

    async def _write(
        self, present: User | None, new_hash: str | None, *, email: str, actor: Actor, origin: Origin
    ) -> User:
        async with self._db.transaction() as tx:
            user = await self._present_or_new(tx, present, email=email, actor=actor, origin=origin)
            if new_hash is not None:
                await self._set_password(tx, user, new_hash, is_new=present is None, actor=actor, origin=origin)
            await self._roles.ensure_built_in(tx, actor=actor, origin=origin)
            await self._assignments.assign(tx, user_id=user.id, role=ADMIN, audience=None, actor=actor, origin=origin)
        return user

    async def _password_to_set(self, present: User | None, old_hash: str | None, given: str | None) -> str | None:
        """The password that the user must get, or None where theirs stays.

        Whoever signed up with an address that is not proven need not be its owner: their password must not open
        an administrator's account.
        """
        keeps_own = present is not None and present.email_verified_at is not None and old_hash is not None
        if given is None:
            return None if keeps_own else random_secret()
        if keeps_own and await self._passwords.verify(old_hash, given):
            return None
        return given

    async def _present_or_new(
        self, tx: Transaction, present: User | None, *, email: str, actor: Actor, origin: Origin
    ) -> User:
        if present is None:
            return await self._users.create(
                tx, email=email, entry=Entry.OPERATOR, origin=origin, actor=actor, verified=True
            )
        return await self._users.mark_verified(tx, present.id, actor=actor, origin=origin)

    async def _set_password(
        self, tx: Transaction, user: User, password_hash: str, *, is_new: bool, actor: Actor, origin: Origin
    ) -> None:
        await self._passwords.set(tx, user.id, password_hash)
        if is_new:
            return
        await self._audit.record(tx, PasswordChanged(actor=actor, origin=origin, subject=user.sub))
        await self._sessions.end_all(
            tx, user.id, subject=user.sub, reason="password_changed", actor=actor, origin=origin
        )
