"""Signing in with an address and a password."""

from dataclasses import dataclass

from app.audiences.service import Audiences, AudienceView
from app.audit.event import ANONYMOUS
from app.audit.service import AuditLog
from app.factors.password.factor import PASSWORD_EVIDENCE
from app.factors.password.lockout import Lockout
from app.factors.password.service import Passwords
from app.foundation.browser import BrowserSignIn
from app.foundation.db import Database
from app.foundation.origin import Origin
from app.grants.mint import IssuedTokens
from app.grants.scope import parse_scope, require_known
from app.limits.service import Limits
from app.login import store
from app.login.errors import EmailNotVerified, InvalidCredentials
from app.login.events import LoginFailed
from app.login.sign_in import REFUSALS, SIGN_INS, SignIn, Target
from app.login.store import Candidate
from app.protocols.assurance import ACR, assurance_of
from app.users.email import EmailKey, find_key

NOT_VERIFIED = "email not verified"
WRONG_PASSWORD = "wrong password"  # noqa: S105 — a reason for the log


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PasswordLogin:
    """What a person presents. `audience` and `scope` are what the tokens shall be for.

    With `browser` the session is one of a browser, which gets cookies.
    `signed_in` is whose live session the request brings along, if any: on that device a lock does not count. `acr` is
    as in `Target`.
    """

    email: str
    password: str
    audience: str | None
    scope: str | None
    browser: BrowserSignIn | None = None
    signed_in: str | None = None
    acr: ACR | None = None


class Login:
    """The sign-in flow's first step: check what is presented; `SignIn` goes on from there."""

    def __init__(
        self,
        db: Database,
        *,
        audit: AuditLog,
        audiences: Audiences,
        passwords: Passwords,
        sign_in: SignIn,
        limits: Limits,
        lockout: Lockout,
        verified_email_required: bool,
        hides_existence: bool,
    ) -> None:
        self._db = db
        self._audit = audit
        self._audiences = audiences
        self._passwords = passwords
        self._sign_in = sign_in
        self._limits = limits
        self._lockout = lockout
        self._verified_email_required = verified_email_required
        self._hides_existence = hides_existence

    async def with_password(self, presented: PasswordLogin, origin: Origin) -> IssuedTokens:
        """Sign in and return the first tokens.

        The password is checked with no connection held, and with the same work for an unknown address.
        Raises InvalidTarget and InvalidScope before the password is looked at and before it counts as an attempt,
        then TooManyAttempts, EmailNotVerified unless existence is hidden, InvalidCredentials for every other reason,
        MFARequired where a second factor comes next, HashingBusy, DatabaseUnavailable.
        """
        audience = await self._audiences.resolve(presented.audience)
        requested = parse_scope(presented.scope)
        require_known(requested, audience.scopes)
        key = find_key(presented.email)
        attempt = await self._limits.login(key or presented.email, origin)
        candidate = await self._find(key)
        reason = await self._reason_to_refuse(candidate, presented)
        if candidate is None or reason is not None:
            await self._record_refusal(reason or "unknown user", candidate, presented, origin, audience)
            self._limits.login_failed(attempt)
            if reason == NOT_VERIFIED and not self._hides_existence:
                raise EmailNotVerified("Use the link that was mailed to you just now.", detail=reason)
            raise InvalidCredentials(detail=reason)
        await self._passwords.rehash_if_outdated(candidate.login, presented.password)
        target = Target(audience=audience, requested=requested, browser=presented.browser, acr=presented.acr)
        issued = await self._sign_in.go_on(candidate, assurance_of(PASSWORD_EVIDENCE), target, origin)
        if issued is None:
            reason = "changed during sign-in"
            await self._record_refusal(reason, candidate, presented, origin, audience)
            raise InvalidCredentials(detail=reason)
        self._limits.login_succeeded(attempt)
        return issued

    async def _find(self, key: EmailKey | None) -> Candidate | None:
        if key is None:
            return None
        row = await self._db.fetchrow(store.FIND_BY_EMAIL, key, self._lockout.most, repeatable=True)
        return None if row is None else store.candidate_in(row)

    async def _reason_to_refuse(self, candidate: Candidate | None, presented: PasswordLogin) -> str | None:
        """Why a sign-in is refused, for the log alone; None where nothing speaks against it."""
        matches = await self._passwords.verify(candidate.password_hash if candidate else None, presented.password)
        if candidate is None:
            return "unknown user"
        if not matches:
            return WRONG_PASSWORD
        if candidate.locked and presented.signed_in != candidate.user.sub:
            return "locked"
        if not candidate.user.is_active:
            return "suspended"
        if self._verified_email_required and not candidate.user.is_verified:
            return NOT_VERIFIED
        return None

    async def _record_refusal(
        self,
        reason: str,
        candidate: Candidate | None,
        presented: PasswordLogin,
        origin: Origin,
        audience: AudienceView,
    ) -> None:
        SIGN_INS.add(REFUSALS.get(reason, reason))
        event = LoginFailed(
            actor=ANONYMOUS,
            origin=origin,
            subject=candidate.user.sub if candidate else None,
            reason=reason,
            # Only what is an address: people type passwords into the wrong field.
            identifier=find_key(presented.email),
            audience=audience.aud,
        )
        # Nobody's failure is counted too, by the same statement, so that it takes as long as somebody's.
        guessed = candidate.user if candidate is not None and reason == WRONG_PASSWORD else None
        async with self._db.transaction() as tx:
            await self._lockout.count(tx, guessed, actor=ANONYMOUS, origin=origin)
            await self._audit.record(tx, event)
