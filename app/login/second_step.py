"""The second step of a sign-in: proving a second factor, or enrolling one where none is there yet."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from app.audiences.service import Audiences
from app.audit.event import ANONYMOUS, Actor, ActorKind
from app.audit.service import AuditLog
from app.factors.factor import FactorName, Presented
from app.factors.totp.service import TOTPEnrolment
from app.federation.identities.service import Vouched
from app.foundation.browser import BrowserSignIn, SessionCookie
from app.foundation.clock import Clock
from app.foundation.db import Database, Transaction
from app.foundation.origin import Origin
from app.foundation.secrets import hash_secret
from app.grants.issue import IssuedGrant
from app.grants.mint import IssuedTokens
from app.lifecycle.factor_set import FactorSet
from app.lifecycle.second_factors import By, Enrolled, SecondFactors
from app.limits.service import Limits
from app.login import store
from app.login.errors import FactorNotOffered, InvalidMFAToken, MFARequired, SecondFactorRefused
from app.login.events import LoginFailed
from app.login.sign_in import SignIn, Target, offered
from app.login.steps import Step, next_step
from app.protocols.assurance import ACR, Assurance, Evidence, satisfies
from app.trust.service import TrustedBrowsers
from app.users.email import email_key
from app.users.models import as_user
from app.users.service import Users
from app.users.user import User

WRONG = "That was not right, or was used before."


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A claimed sign-in: who, what was proven and is required, and what the tokens shall be for."""

    row: Mapping[str, Any]
    user: User
    assurance: Assurance
    required: ACR
    factors: tuple[FactorName, ...]

    @property
    def bound_to(self) -> str:
        """What a challenge of this sign-in is bound to."""
        return f"sign-in:{self.row['pending_id']}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a person answers to an enrolment: a `code` of the app, or the `credential` of a new passkey."""

    code: str | None = None
    credential: Mapping[str, object] | None = None
    name: str = ""


class SecondStep:
    """The use cases that an `mfa_token` opens, and that nothing else opens."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        *,
        audit: AuditLog,
        audiences: Audiences,
        users: Users,
        factors: FactorSet,
        second_factors: SecondFactors,
        sign_in: SignIn,
        trusted: TrustedBrowsers,
        limits: Limits,
        max_tries: int,
    ) -> None:
        self._db = db
        self._clock = clock
        self._audit = audit
        self._audiences = audiences
        self._users = users
        self._factors = factors.registry
        self._totp = factors.totp
        self._passkeys = factors.passkeys
        self._second_factors = second_factors
        self._sign_in = sign_in
        self._trusted = trusted
        self._limits = limits
        self._max_tries = max_tries

    async def challenge(self, raw_token: str, factor: str) -> Mapping[str, object]:
        """What a factor needs shown before it can be proven. Raises InvalidMFAToken, FactorNotOffered."""
        async with self._db.transaction() as tx:
            pending = await self._look(tx, raw_token, Step.VERIFY, factor)
            shown = await self._factors.begin(tx, factor, pending.user, bound_to=pending.bound_to)
        return shown or {}

    async def verify(
        self,
        raw_token: str,
        factor: str,
        presented: Presented,
        origin: Origin,
        *,
        browser: BrowserSignIn | None = None,
    ) -> IssuedTokens:
        """Prove a second factor and return the first tokens.

        Raises InvalidMFAToken, SecondFactorRefused, FactorNotOffered, and MFARequired where another factor must be
        enrolled after it.
        """
        async with self._db.transaction() as tx:
            pending = await self._claim(tx, raw_token, Step.VERIFY)
            grant: IssuedGrant | None = None
            reached: Assurance | None = None
            cookie: SessionCookie | None = None
            target = None if pending is None else await self._target(pending, browser)
            if pending is not None and target is not None and factor in pending.factors:
                proof = await self._factors.verify(tx, factor, pending.user, presented, bound_to=pending.bound_to)
                reached = self._reached(pending, None if proof is None else proof.evidence)
            if pending is not None and target is not None and reached is not None:
                step = next_step(reached=reached.acr, required=pending.required, second=pending.factors)
                if step.step is Step.DONE:
                    grant = await self._sign_in.open(tx, pending.user, reached, target, origin)
                    cookie = None if grant is None else await self._trust(tx, pending, browser, origin)
            elif pending is not None:
                await self._refused(tx, pending, factor, origin)
        if pending is None or target is None:
            raise InvalidMFAToken("Sign in again.")
        if factor not in pending.factors:
            raise FactorNotOffered("The next step of this sign-in takes another factor.")
        # Whoever has the password and not the rest fails here: the alarm hears of it as of a wrong password.
        attempt = self._limits.attempt(email_key(pending.user.email), origin)
        if reached is None:
            self._limits.login_failed(attempt)
            raise SecondFactorRefused(WRONG)
        self._limits.login_succeeded(attempt)
        if grant is None:
            raise await self._leads_on(pending, reached, target)
        return replace(await self._sign_in.sign(grant, pending.user, target), trusted_cookie=cookie)

    async def enrol(self, raw_token: str, factor: str) -> TOTPEnrolment | Mapping[str, object]:
        """Begin to enrol a factor: a seed for an app, or what `navigator.credentials.create` takes.

        Raises InvalidMFAToken, FactorNotOffered.
        """
        shown: TOTPEnrolment | Mapping[str, object] | None
        async with self._db.transaction() as tx:
            pending = await self._look(tx, raw_token, Step.ENROL, factor)
            if factor == FactorName.TOTP:
                shown = await self._totp.enrol(tx, pending.user)
            else:
                options = await self._passkeys.begin_registration(tx, pending.user, bound_to=pending.bound_to)
                shown = None if options is None else {"publicKey": options}
        if shown is None:
            raise FactorNotOffered("You have enrolled this factor already.")
        return shown

    async def confirm(
        self,
        raw_token: str,
        factor: str,
        answer: Answer,
        origin: Origin,
        *,
        browser: BrowserSignIn | None = None,
    ) -> tuple[IssuedTokens, Enrolled]:
        """Finish an enrolment, and the sign-in with it. Raises InvalidMFAToken, SecondFactorRefused."""
        async with self._db.transaction() as tx:
            pending = await self._claim(tx, raw_token, Step.ENROL)
            enrolled: Enrolled | None = None
            grant: IssuedGrant | None = None
            target = None if pending is None else await self._target(pending, browser)
            user = None if pending is None else pending.user
            if pending is not None and target is not None and factor in pending.factors:
                enrolled = await self._enrolled(tx, pending, factor, answer, origin)
            reached = None if pending is None or enrolled is None else self._reached(pending, enrolled.proof.evidence)
            if pending is not None and reached is not None and not satisfies(reached.acr, pending.required):
                reached = None
            if pending is not None and target is not None and reached is not None:
                # Enrolment itself counted the credentials as changed.
                user = await self._users.get(tx, pending.user.id)
                grant = await self._sign_in.open(tx, user, reached, target, origin)
            elif pending is not None:
                await self._refused(tx, pending, factor, origin)
        if pending is None or target is None or user is None:
            raise InvalidMFAToken("Sign in again.")
        if grant is None or enrolled is None:
            raise SecondFactorRefused(WRONG)
        self._limits.login_succeeded(self._limits.attempt(email_key(user.email), origin))
        return await self._sign_in.sign(grant, user, target), enrolled

    async def _trust(
        self, tx: Transaction, pending: Pending, browser: BrowserSignIn | None, origin: Origin
    ) -> SessionCookie | None:
        """The cookie of a browser that is trusted from now on, where its user asks for that and it means anything."""
        if browser is None or not browser.is_to_be_trusted or not self._trusted.may_spare(pending.required):
            return None
        return await self._trusted.trust(tx, pending.user, browser, origin)

    async def _enrolled(
        self, tx: Transaction, pending: Pending, factor: str, answer: Answer, origin: Origin
    ) -> Enrolled | None:
        by = By(actor=Actor(ActorKind.USER, pending.user.sub), origin=origin)
        if factor == FactorName.TOTP:
            return await self._second_factors.confirm_totp(tx, pending.user, answer.code or "", by=by)
        return await self._second_factors.register_passkey(
            tx,
            pending.user,
            answer.credential or {},
            name=answer.name,
            bound_to=pending.bound_to,
            by=by,
            user_verification=pending.required is ACR.PHR,
        )

    @staticmethod
    def _reached(pending: Pending, evidence: Evidence | None) -> Assurance | None:
        """What the sign-in amounts to with this proof; None where it adds nothing that was missing."""
        if evidence is None:
            return None
        reached = pending.assurance.with_more(evidence)
        return reached if reached.acr is not pending.assurance.acr else None

    async def _leads_on(self, pending: Pending, reached: Assurance, target: Target) -> MFARequired | InvalidMFAToken:
        """The step after this one: a better factor is required, and must be enrolled first."""
        step = next_step(reached=reached.acr, required=pending.required, second=pending.factors)
        if step.step is Step.ENROL:
            return await self._sign_in.paused(pending.user, reached, pending.required, step, target)
        return InvalidMFAToken("Sign in again.", detail="changed during sign-in, or proven less than required")

    async def _claim(self, tx: Transaction, raw_token: str, step: Step) -> Pending | None:
        row = await store.claim(
            tx, hash_secret(raw_token), step=step.value, now=self._clock.now(), tries=self._max_tries
        )
        if row is None:
            return None
        return Pending(
            row=row,
            user=as_user(row),
            assurance=Assurance(amr=tuple(row["amr"].split()), acr=ACR(row["acr"])),
            required=ACR(row["step_required_acr"]),
            factors=offered(row["factors"]),
        )

    async def _look(self, tx: Transaction, raw_token: str, step: Step, factor: str) -> Pending:
        """A pending sign-in, looked at without a try."""
        pending = await self._claim(tx, raw_token, step)
        if pending is None:
            raise InvalidMFAToken("Sign in again.")
        if factor not in pending.factors:
            raise FactorNotOffered("The next step of this sign-in takes another factor.")
        await store.reopen(tx, pending.row["pending_id"], uncounted=True)
        return pending

    async def _target(self, pending: Pending, browser: BrowserSignIn | None) -> Target:
        scope, vouched = pending.row["scope"], pending.row["vouched"]
        return Target(
            audience=await self._audiences.get(pending.row["audience"]),
            requested=None if scope is None else tuple(scope.split()),
            client_id=pending.row["client_id"],
            browser=browser,
            vouched=None if vouched is None else Vouched(**vouched),
        )

    async def _refused(self, tx: Transaction, pending: Pending, factor: str, origin: Origin) -> None:
        known = factor if factor in pending.factors else "not offered"
        event = LoginFailed(
            actor=ANONYMOUS,
            origin=origin,
            subject=pending.user.sub,
            reason=f"second factor: {known}",
            identifier=None,
            audience=pending.row["audience"],
        )
        await self._audit.record(tx, event)
        await store.reopen(tx, pending.row["pending_id"])
