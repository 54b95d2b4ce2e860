"""Signing in with a passkey alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.audiences.service import Audiences
from app.audit.event import ANONYMOUS
from app.audit.service import AuditLog
from app.factors.passkey.service import Passkeys
from app.foundation.browser import BrowserSignIn
from app.foundation.db import Database
from app.foundation.origin import Origin
from app.grants.mint import IssuedTokens
from app.grants.scope import parse_scope, require_known
from app.limits.service import Limits
from app.login import store
from app.login.errors import PasskeyRefused
from app.login.events import LoginFailed
from app.login.sign_in import SignIn, Target
from app.protocols.assurance import ACR, assurance_of
from app.users.email import email_key
from app.users.service import Users


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyLogin:
    """What a person presents: what `navigator.credentials.get` returned, and what the tokens shall be for.

    `acr` is as in `Target`.
    """

    assertion: Mapping[str, object] = field(repr=False)
    audience: str | None
    scope: str | None
    browser: BrowserSignIn | None = None
    acr: ACR | None = None


class PasskeySignIn:
    """A discoverable passkey as the first factor, and the last: it names its user and verifies them."""

    def __init__(
        self,
        db: Database,
        *,
        audit: AuditLog,
        audiences: Audiences,
        users: Users,
        passkeys: Passkeys,
        sign_in: SignIn,
        limits: Limits,
        verified_email_required: bool,
    ) -> None:
        self._db = db
        self._audit = audit
        self._audiences = audiences
        self._users = users
        self._passkeys = passkeys
        self._sign_in = sign_in
        self._limits = limits
        self._verified_email_required = verified_email_required

    async def options(self) -> Mapping[str, object]:
        """What `navigator.credentials.get` takes. It is alike for everyone, because nobody has said who they are."""
        async with self._db.transaction() as tx:
            return await self._passkeys.begin_sign_in(tx)

    async def verify(self, presented: PasskeyLogin, origin: Origin) -> IssuedTokens:
        """Sign in and return the first tokens.

        Raises InvalidTarget and InvalidScope before the assertion is looked at, then TooManyAttempts, PasskeyRefused
        for every other reason.
        """
        audience = await self._audiences.resolve(presented.audience)
        requested = parse_scope(presented.scope)
        require_known(requested, audience.scopes)
        await self._limits.login_unnamed(origin)
        reason, user, proof = "passkey: unknown", None, None
        async with self._db.transaction() as tx:
            claimed = await self._passkeys.claim_sign_in(tx, presented.assertion)
            if claimed is not None:
                challenge, user_id = claimed
                user = await self._users.find(tx, user_id)
            if claimed is not None and user is not None:
                proof = await self._passkeys.verify_sign_in(tx, user, presented.assertion, challenge)
                reason = "passkey: refused"
            if user is not None and proof is not None:
                if not user.is_active:
                    reason, proof = "suspended", None
                elif self._verified_email_required and not user.is_verified:
                    reason, proof = "email not verified", None
            if proof is None:
                await self._audit.record(
                    tx,
                    LoginFailed(
                        actor=ANONYMOUS,
                        origin=origin,
                        subject=None if user is None else user.sub,
                        reason=reason,
                        identifier=None,
                        audience=audience.aud,
                    ),
                )
        row = None
        if user is not None and proof is not None:
            row = await self._db.fetchrow(store.FIND_BY_ID, user.id, repeatable=True)
        if row is None or user is None or proof is None:
            raise PasskeyRefused(detail=reason)
        target = Target(audience=audience, requested=requested, browser=presented.browser, acr=presented.acr)
        issued = await self._sign_in.go_on(store.candidate_of(row), assurance_of(proof.evidence), target, origin)
        if issued is None:
            raise PasskeyRefused(detail="changed during sign-in")
        self._limits.login_succeeded(self._limits.attempt(email_key(user.email), origin))
        return issued
