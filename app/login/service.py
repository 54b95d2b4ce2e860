"""Signing in with an address and a password."""

from dataclasses import dataclass

from app.audiences.service import Audiences, AudienceView
from app.audit.event import ANONYMOUS, Actor, ActorKind
from app.audit.service import AuditLog
from app.factors.password.service import LoginCandidate, Passwords
from app.foundation.browser import BrowserSignIn
from app.foundation.db import Database
from app.foundation.metrics import Counter
from app.foundation.origin import Origin
from app.grants.access_token import TokenSubject
from app.grants.issue import FIRST_PARTY_CLIENT, GrantIssuance, IssuedGrant
from app.grants.mint import IssuedTokens
from app.grants.scope import parse_scope, require_known
from app.login.errors import InvalidCredentials
from app.login.events import LoginFailed
from app.sessions.events import SessionCreated
from app.sessions.service import Authentication, Sessions
from app.users.email import find_key
from app.users.user import User

_REFUSALS = {
    reason: reason.replace(" ", "_").replace("-", "_")
    for reason in ("unknown user", "wrong password", "suspended", "email not verified", "changed during sign-in")
}
_SIGN_INS = Counter("sign_ins", "Sign-ins by how they ended.", unit="sign-ins", result=("success", *_REFUSALS.values()))

PASSWORD_ONLY = Authentication(amr=("pwd",), acr="aal1")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PasswordLogin:
    """What a person presents. `audience` and `scope` are what the tokens shall be for.

    With `browser` the session is one of a browser, which gets cookies.
    """

    email: str
    password: str
    audience: str | None
    scope: str | None
    browser: BrowserSignIn | None = None


class Login:
    """The sign-in flow: check what is presented, then open a session and issue its first tokens."""

    def __init__(
        self,
        db: Database,
        *,
        audit: AuditLog,
        audiences: Audiences,
        passwords: Passwords,
        sessions: Sessions,
        grants: GrantIssuance,
        verified_email_required: bool,
    ) -> None:
        self._db = db
        self._audit = audit
        self._audiences = audiences
        self._passwords = passwords
        self._sessions = sessions
        self._grants = grants
        self._verified_email_required = verified_email_required

    async def with_password(self, presented: PasswordLogin, origin: Origin) -> IssuedTokens:
        """Sign in and return the first tokens.

        The password is checked with no connection held, and with the same work for an unknown address.
        Raises InvalidTarget and InvalidScope before the password is looked at, InvalidCredentials for every
        other reason, HashingBusy, DatabaseUnavailable.
        """
        audience = await self._audiences.resolve(presented.audience)
        requested = parse_scope(presented.scope)
        require_known(requested, audience.scopes)
        candidate = await self._find(presented.email)
        reason = await self._reason_to_refuse(candidate, presented.password)
        if candidate is None or reason is not None:
            await self._record_refusal(reason or "unknown user", candidate, presented, origin, audience)
            raise InvalidCredentials(detail=reason)
        await self._passwords.rehash_if_outdated(candidate, presented.password)
        grant = await self._open(candidate, audience, requested, origin, browser=presented.browser)
        if grant is None:
            reason = "changed during sign-in"
            await self._record_refusal(reason, candidate, presented, origin, audience)
            raise InvalidCredentials(detail=reason)
        _SIGN_INS.add("success")
        subject = subject_of(candidate.user)
        return await self._grants.sign(grant, subject=subject, audience=audience, requested=requested)

    async def _find(self, email: str) -> LoginCandidate | None:
        key = find_key(email)
        return None if key is None else await self._passwords.find_login(key)

    async def _reason_to_refuse(self, candidate: LoginCandidate | None, password: str) -> str | None:
        """Why a sign-in is refused, for the log alone; None where nothing speaks against it."""
        matches = await self._passwords.verify(candidate.password_hash if candidate else None, password)
        if candidate is None:
            return "unknown user"
        if not matches:
            return "wrong password"
        if not candidate.user.is_active:
            return "suspended"
        if self._verified_email_required and not candidate.user.is_verified:
            return "email not verified"
        return None

    async def _open(
        self,
        candidate: LoginCandidate,
        audience: AudienceView,
        requested: tuple[str, ...] | None,
        origin: Origin,
        *,
        browser: BrowserSignIn | None,
    ) -> IssuedGrant | None:
        """Session, grant, first refresh token and audit entry in one transaction of three statements."""
        user = candidate.user
        async with self._db.transaction() as tx:
            session = await self._sessions.start(
                tx,
                user_id=user.id,
                credentials_version=user.credentials_version,
                authentication=PASSWORD_ONLY,
                origin=origin,
                browser=browser,
            )
            if session is None:
                return None
            grant = await self._grants.issue(
                tx, session=session, client_id=FIRST_PARTY_CLIENT, audience=audience, requested=requested
            )
            await self._audit.record(
                tx,
                SessionCreated(
                    actor=Actor(ActorKind.USER, user.sub),
                    origin=origin,
                    subject=user.sub,
                    sid=session.sid,
                    amr=list(session.amr),
                    acr=session.acr,
                    client_id=FIRST_PARTY_CLIENT,
                    audience=audience.aud,
                ),
            )
        return grant

    async def _record_refusal(
        self,
        reason: str,
        candidate: LoginCandidate | None,
        presented: PasswordLogin,
        origin: Origin,
        audience: AudienceView,
    ) -> None:
        _SIGN_INS.add(_REFUSALS.get(reason, reason))
        event = LoginFailed(
            actor=ANONYMOUS,
            origin=origin,
            subject=candidate.user.sub if candidate else None,
            reason=reason,
            # Only what is an address: people type passwords into the wrong field.
            identifier=find_key(presented.email),
            audience=audience.aud,
        )
        async with self._db.transaction() as tx:
            await self._audit.record(tx, event)


def subject_of(user: User) -> TokenSubject:
    """The user as tokens show them."""
    return TokenSubject(
        sub=user.sub,
        email=user.email,
        email_verified=user.is_verified,
        name=user.name,
        attributes=user.attributes,
    )
