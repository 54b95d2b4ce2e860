"""Signing in by a mailed code."""

from dataclasses import dataclass, field
from uuid import UUID

from app.audiences.service import Audiences, AudienceView
from app.audit.event import ANONYMOUS, Actor, ActorKind
from app.audit.service import AuditLog
from app.factors.email_code.service import EVIDENCE, Answered, CodeRequest, EmailCodes
from app.foundation.browser import BrowserSignIn
from app.foundation.db import Database, Transaction
from app.foundation.origin import Origin
from app.grants.mint import IssuedTokens
from app.grants.scope import parse_scope, require_known
from app.lifecycle.address_proof import AddressProof
from app.limits.service import Limits, LoginAttempt
from app.login import store
from app.login.errors import CodeRefused
from app.login.events import LoginCodeRequested, LoginFailed
from app.login.sign_in import REFUSALS, SIGN_INS, SignIn, Target
from app.protocols.assurance import ACR, assurance_of
from app.users.email import find_key, parse_email
from app.users.service import Users
from app.users.user import User

# No row has it.
_NOBODY = UUID(int=0)
_CHANGED = "changed during sign-in"
WRONG = "That code is wrong, too old, or used. Ask for a new one."


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedCode:
    """A challenge as its asker gets it."""

    raw_challenge: str = field(repr=False)
    expires_in: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeLogin:
    """What a person presents, and what the tokens shall be for.

    With `browser` the session is one of a browser; then `raw_binding` is the cookie that came with the request for
    the code. `acr` is as in `Target`.
    """

    raw_challenge: str = field(repr=False)
    code: str = field(repr=False)
    audience: str | None
    scope: str | None
    browser: BrowserSignIn | None = None
    raw_binding: str | None = field(default=None, repr=False)
    acr: ACR | None = None


class EmailCodeSignIn:
    """A mailed code as the first factor. It proves the mailbox too, and opens a locked account."""

    def __init__(
        self,
        db: Database,
        *,
        audit: AuditLog,
        audiences: Audiences,
        users: Users,
        codes: EmailCodes,
        address_proof: AddressProof,
        limits: Limits,
        sign_in: SignIn,
    ) -> None:
        self._db = db
        self._audit = audit
        self._audiences = audiences
        self._users = users
        self._codes = codes
        self._address_proof = address_proof
        self._limits = limits
        self._sign_in = sign_in

    async def ask(
        self, email: str, origin: Origin, *, locale: str | None = None, raw_binding: str | None = None
    ) -> AskedCode:
        """Mail a code to the address if its account may sign in; the same answer and work for every other.

        A mailbox that has had its share of mails gets none, and what it got before stays good. Raises EmailRefused
        before it counts as an attempt, then TooManyAttempts, DatabaseUnavailable.
        """
        key = parse_email(email).key
        may_mail = await self._limits.login_by_mail(key, origin)
        wanted = CodeRequest(email=email, email_key=key, locale=locale, raw_browser=raw_binding)
        async with self._db.transaction() as tx:
            user = await self._users.find_by_key(tx, key)
            recipient = user if user is not None and user.is_active and may_mail else None
            raw_challenge = await self._codes.begin_sign_in(tx, recipient, wanted)
            event = LoginCodeRequested(
                actor=ANONYMOUS,
                origin=origin,
                subject=None if user is None else user.sub,
                identifier=key,
                mailed=recipient is not None,
            )
            await self._audit.record(tx, event)
        return AskedCode(raw_challenge=raw_challenge, expires_in=self._codes.lifetime_seconds)

    async def verify(self, presented: CodeLogin, origin: Origin) -> IssuedTokens:
        """Sign in and return the first tokens.

        Raises InvalidTarget and InvalidScope before a try is counted, then TooManyAttempts, CodeRefused for every
        other reason, MFARequired where a second factor comes next, DatabaseUnavailable.
        """
        audience = await self._audiences.resolve(presented.audience)
        requested = parse_scope(presented.scope)
        require_known(requested, audience.scopes)
        mailbox = await self._codes.find_mailbox(presented.raw_challenge)
        attempt = await self._limits.login(mailbox or presented.raw_challenge, origin)
        user, reason = await self._prove(presented, audience, origin)
        if user is None:
            self._limits.login_failed(attempt)
            raise CodeRefused(WRONG, detail=reason)
        target = Target(audience=audience, requested=requested, browser=presented.browser, acr=presented.acr)
        issued = await self._go_on(user, attempt, target, origin)
        if issued is None:
            async with self._db.transaction() as tx:
                await self._record_refusal(tx, _CHANGED, user=user, mailbox=mailbox, audience=audience, origin=origin)
            raise CodeRefused(WRONG, detail=_CHANGED)
        return issued

    async def _prove(
        self, presented: CodeLogin, audience: AudienceView, origin: Origin
    ) -> tuple[User | None, str | None]:
        """The user whom the code proves, their address verified by it; or None and the reason, which is recorded."""
        user: User | None = None
        async with self._db.transaction() as tx:
            answered = await self._codes.answer_sign_in(
                tx, presented.raw_challenge, presented.code, raw_browser=presented.raw_binding
            )
            # Nobody is looked up too: a wrong code takes as long for an address without an account.
            owner = None if answered is None else await self._users.find(tx, answered.owner_id or _NOBODY)
            reason = _reason_to_refuse(answered, owner)
            if owner is not None and reason is None:
                by = Actor(ActorKind.USER, owner.sub)
                user = await self._address_proof.accept(tx, owner, actor=by, origin=origin)
            else:
                reason = reason or "unknown user"
                mailbox = None if answered is None else answered.email_key
                await self._record_refusal(tx, reason, user=owner, mailbox=mailbox, audience=audience, origin=origin)
        return user, reason

    async def _go_on(self, user: User, attempt: LoginAttempt, target: Target, origin: Origin) -> IssuedTokens | None:
        row = await self._db.fetchrow(store.FIND_BY_ID, user.id, repeatable=True)
        if row is None:
            return None
        candidate = store.candidate_of(row)
        if candidate.user.credentials_version != user.credentials_version:
            return None
        issued = await self._sign_in.go_on(candidate, assurance_of(EVIDENCE), target, origin)
        if issued is not None:
            self._limits.login_succeeded(attempt)
        return issued

    async def _record_refusal(
        self,
        tx: Transaction,
        reason: str,
        *,
        user: User | None,
        mailbox: str | None,
        audience: AudienceView,
        origin: Origin,
    ) -> None:
        SIGN_INS.add(REFUSALS[reason])
        event = LoginFailed(
            actor=ANONYMOUS,
            origin=origin,
            subject=None if user is None else user.sub,
            reason=reason,
            identifier=mailbox,
            audience=audience.aud,
        )
        await self._audit.record(tx, event)


def _reason_to_refuse(answered: Answered | None, owner: User | None) -> str | None:
    """Why a sign-in is refused, for the log alone; None where nothing speaks against it."""
    if answered is None:
        return "no such challenge"
    if owner is None:
        return "unknown user"
    if not answered.is_right:
        return "wrong code"
    if not owner.is_active:
        return "suspended"
    # The address or a credential changed, or somebody said "this was not me", since the mail went out.
    if owner.credentials_version != answered.credentials_version or find_key(owner.email) != answered.email_key:
        return _CHANGED
    return None
