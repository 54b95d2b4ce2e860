"""An administrator acting in a user's name, for a while and at one audience. Spec: RFC 8693 §4.1."""

from dataclasses import dataclass
from datetime import timedelta

from app.audiences.own import SELF
from app.audiences.service import Audiences
from app.audit.event import Actor, ActorKind
from app.audit.service import AuditLog
from app.foundation.clock import Clock, rfc3339
from app.foundation.db import Database, Transaction
from app.foundation.mail.outbox import Mail, Outbox
from app.foundation.origin import Origin
from app.foundation.principal import Principal
from app.grants.access_token import TokenSubject
from app.grants.act import ActingTokens
from app.grants.mint import MintedToken
from app.lifecycle.errors import NotImpersonated, NotWhileSuspended
from app.lifecycle.events import UserImpersonated
from app.roles.service import Roles
from app.sessions.acting import ActingSessions
from app.users.errors import UserNotFound
from app.users.service import Users
from app.users.user import User

LONGEST = timedelta(minutes=30)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ActingAnswer:
    """The one token, and the session that ends it."""

    token: MintedToken
    sid: str


class Impersonation:
    """Gives administrators tokens of users.

    The session hangs from the administrator's own and ends with it. Nobody acts for somebody who may administer this
    service; nobody acts through somebody else.
    """

    def __init__(
        self,
        db: Database,
        clock: Clock,
        audit: AuditLog,
        *,
        users: Users,
        roles: Roles,
        audiences: Audiences,
        sessions: ActingSessions,
        tokens: ActingTokens,
        outbox: Outbox,
    ) -> None:
        self._db = db
        self._clock = clock
        self._audit = audit
        self._users = users
        self._roles = roles
        self._audiences = audiences
        self._sessions = sessions
        self._tokens = tokens
        self._outbox = outbox

    async def begin(self, sub: str, *, audience: str, reason: str, by: Principal, origin: Origin) -> ActingAnswer:
        """Open a session in the user's name, record it with its reason, and tell the user.

        Raises UserNotFound, InvalidTarget, NotImpersonated for an administrator, or oneself, NotWhileSuspended.
        """
        view = await self._audiences.resolve(None if audience == SELF else audience)
        async with self._db.transaction() as tx:
            found = await self._users.find_by_sub(tx, sub) if sub.isascii() and sub.isprintable() else None
            user = None if found is None else await self._users.hold(tx, found.id)
            if user is None:
                raise UserNotFound("There is no such user.")
            await self._require_ordinary(tx, user, by)
            session = await self._sessions.start(
                tx, user_id=user.id, actor_session_id=by.session_id, lifetime=LONGEST, origin=origin
            )
            if session is None:
                raise NotWhileSuspended("This user's account is suspended or closed, or your own session has ended.")
            grant = await self._tokens.issue(tx, session=session, actor=by.sub, audience=view)
            event = UserImpersonated(
                actor=Actor(ActorKind.USER, by.sub),
                origin=origin,
                subject=user.sub,
                sid=session.sid,
                audience=view.aud,
                reason=reason,
                expires_at=rfc3339(session.expires_at),
            )
            await self._audit.record(tx, event)
            await self._tell(tx, user)
        subject = TokenSubject(
            sub=user.sub,
            email=user.email,
            email_verified=user.is_verified,
            name=user.name,
            attributes=user.attributes,
        )
        token = await self._tokens.mint(grant, subject=subject, audience=view)
        return ActingAnswer(token=token, sid=session.sid)

    async def _require_ordinary(self, tx: Transaction, user: User, by: Principal) -> None:
        if user.id == by.user_id:
            raise NotImpersonated("You need not act in your own name.")
        if (await self._roles.held(tx, user.id, SELF)).permissions:
            raise NotImpersonated("Nobody acts in the name of somebody who may administer this service.")

    async def _tell(self, tx: Transaction, user: User) -> None:
        mail = Mail(
            to=user.email,
            template="impersonated",
            values={"at": self._clock.now()},
            locale=user.locale,
            user_id=user.id,
        )
        await self._outbox.put(tx, mail)
