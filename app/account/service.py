"""What a person does with their own account."""

from dataclasses import dataclass
from uuid import UUID

from app.audit.event import Actor, ActorKind
from app.foundation.db import Database
from app.foundation.errors import NotFound
from app.foundation.fresh import FreshAuth
from app.foundation.origin import Origin
from app.foundation.principal import NotWhileActing, Principal
from app.lifecycle.closing import AccountClosing
from app.recovery.change import PasswordChange
from app.registration.email_change import EmailChange
from app.sessions.listed import ListedSession
from app.sessions.service import Sessions, SignOut
from app.sessions.sign_outs import SignOuts
from app.signing_keys.errors import InvalidToken
from app.users.service import Users
from app.users.user import User


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a person changes of their profile. With `renames` the name becomes `name`, which may be None."""

    renames: bool = False
    name: str | None = None
    email: str | None = None


class Account:
    """The use cases of a signed-in person on their own account; each is one transaction."""

    def __init__(
        self,
        db: Database,
        email_change: EmailChange,
        password_change: PasswordChange,
        *,
        users: Users,
        sessions: Sessions,
        closing: AccountClosing,
        fresh: FreshAuth,
    ) -> None:
        self._db = db
        self._users = users
        self._sessions = sessions
        self._sign_outs = SignOuts(db, sessions)
        self._closing = closing
        self._email_change = email_change
        self._password_change = password_change
        self._fresh = fresh

    async def profile(self, caller: Principal) -> User:
        """The caller's own user."""
        async with self._db.transaction() as tx:
            return await self._users.get(tx, caller.user_id)

    async def change(self, caller: Principal, change: Change, origin: Origin) -> User:
        """Change the caller's name, or ask that their address become another one, or both.

        The address stays as it is until the link in the mail to the new one was used. Raises NameRefused, EmailRefused,
        and for the address StaleAuthentication when the sign-in is too long ago.
        """
        if change.email is not None:
            self._fresh.require(caller)
        async with self._db.transaction() as tx:
            user = await self._users.get(tx, caller.user_id)
            if change.renames:
                user = await self._users.update_profile(
                    tx, caller.user_id, name=change.name, actor=_actor(caller), origin=origin
                )
            if change.email is not None:
                await self._email_change.request(tx, user, change.email, origin)
        return user

    async def change_password(
        self, caller: Principal, current_password: str, new_password: str, origin: Origin
    ) -> None:
        """Change the caller's password; every other session of theirs ends.

        Raises StaleAuthentication when the sign-in is too long ago, and what `PasswordChange.change` raises.
        """
        self._fresh.require(caller)
        await self._password_change.change(
            caller.user_id, current_password, new_password, session_id=caller.session_id, origin=origin
        )

    async def delete(self, caller: Principal, origin: Origin) -> None:
        """Close the caller's account, which is deleted after the grace period.

        Raises StaleAuthentication when the sign-in is too long ago, LastAdministrator.
        """
        self._fresh.require(caller)
        await self._closing.close(caller.user_id, actor=_actor(caller), origin=origin)

    async def sessions(self, caller: Principal, *, after: UUID | None, limit: int) -> list[ListedSession]:
        """The caller's live sessions, newest first."""
        async with self._db.transaction() as tx:
            return await self._sessions.list_live(tx, caller.user_id, after=after, limit=limit)

    async def end_session(self, caller: Principal, session_id: UUID, origin: Origin) -> None:
        """End one of the caller's own sessions. Raises NotFound where there is no such live session of theirs."""
        async with self._db.transaction() as tx:
            ended = await self._sessions.end_listed(
                tx, session_id, user_id=caller.user_id, subject=caller.sub, actor=_actor(caller), origin=origin
            )
        if not ended:
            raise NotFound("You have no such session.")

    async def log_out(self, caller: Principal, *, everywhere: bool, origin: Origin) -> None:
        """End the session of the token that asks, or every session of its user.

        A token for another audience has been seen by that service, and ends no session but its own: raises
        InvalidToken when it asks for more, NotWhileActing where an administrator who acts for the user does.
        """
        if everywhere and not caller.own:
            raise InvalidToken("A token for another audience ends only its own session.")
        if everywhere and caller.actor is not None:
            raise NotWhileActing("Only the user ends every session of theirs.")
        actor = _actor(caller)
        if not everywhere:
            await self._sign_outs.end(SignOut(sid=caller.sid, subject=caller.sub, actor=actor, origin=origin))
            return
        async with self._db.transaction() as tx:
            await self._sessions.end_all(
                tx, caller.user_id, subject=caller.sub, reason="logout_everywhere", actor=actor, origin=origin
            )


def _actor(caller: Principal) -> Actor:
    return Actor(ActorKind.USER, caller.actor or caller.sub)
