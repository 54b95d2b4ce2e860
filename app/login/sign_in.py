"""How every sign-in goes on once something was proven: to its next step, or to a session with its first tokens."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.audiences.own import SELF
from app.audiences.service import AudienceView
from app.audit.event import Actor, ActorKind
from app.audit.service import AuditLog
from app.factors.email_code.service import EVIDENCE
from app.factors.factor import FactorName
from app.federation.identities.service import Identities, Vouched
from app.foundation.browser import BrowserSignIn
from app.foundation.clock import Clock
from app.foundation.db import Database, Transaction
from app.foundation.ids import new_id
from app.foundation.metrics import Counter
from app.foundation.origin import Origin
from app.foundation.secrets import hash_secret, random_secret
from app.grants.access_token import TokenSubject
from app.grants.issue import FIRST_PARTY_CLIENT, GrantIssuance, IssuedGrant
from app.grants.mint import IssuedTokens
from app.login import store
from app.login.errors import MFARequired
from app.login.steps import NextStep, Step, next_step, required_acr
from app.login.store import Candidate
from app.protocols.assurance import ACR, Assurance
from app.roles.service import Roles
from app.sessions.events import SessionCreated
from app.sessions.service import Authentication, Sessions
from app.trust.service import TrustedBrowsers
from app.users.user import User

REFUSALS = {
    reason: reason.replace(" ", "_").replace("-", "_")
    for reason in (
        "unknown user",
        "wrong password",
        "locked",
        "suspended",
        "email not verified",
        "changed during sign-in",
        "no such challenge",
        "wrong code",
    )
}
SIGN_INS = Counter("sign_ins", "Sign-ins by how they ended.", unit="sign-ins", result=("success", *REFUSALS.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What the tokens of a sign-in shall be for. `requested` None asks for all that the user holds there.

    With `browser` the session is one of a browser, which gets cookies. `acr` is what this one sign-in must come to,
    beside what is required of everyone. `vouched` is on whose word it rests, where another provider said who it is, and
    `proven_at` when the person proved it there; None for just now.
    """

    audience: AudienceView
    requested: tuple[str, ...] | None
    client_id: str = FIRST_PARTY_CLIENT
    browser: BrowserSignIn | None = None
    acr: ACR | None = None
    vouched: Vouched | None = None
    proven_at: datetime | None = None


class SignIn:
    """The one way from proofs to tokens: no first factor opens a session past the second."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        *,
        audit: AuditLog,
        roles: Roles,
        sessions: Sessions,
        grants: GrantIssuance,
        trusted: TrustedBrowsers,
        identities: Identities,
        required_acr: ACR,
        mailed_second: bool,
        token_lifetime: timedelta,
    ) -> None:
        self._db = db
        self._clock = clock
        self._audit = audit
        self._roles = roles
        self._sessions = sessions
        self._grants = grants
        self._trusted = trusted
        self._identities = identities
        self._required_acr = required_acr
        self._mailed_second = mailed_second
        self._token_lifetime = token_lifetime

    async def go_on(
        self, candidate: Candidate, assurance: Assurance, target: Target, origin: Origin
    ) -> IssuedTokens | None:
        """Open the session and return its tokens, or None if the user or a credential changed in the meantime.

        Raises MFARequired, with a token for the next step, where what was proven does not suffice.
        """
        required = await self.required(candidate, target)
        step = next_step(
            reached=assurance.acr,
            required=required,
            second=candidate.second,
            mailed_code=await self._may_mail(candidate, assurance),
        )
        if step.step is Step.VERIFY:
            spared = await self._spared(candidate.user, assurance, required, target, origin)
            if spared is not None:
                return await self.sign(spared, candidate.user, target)
        if step.step is not Step.DONE:
            raise await self.paused(candidate.user, assurance, required, step, target)
        async with self._db.transaction() as tx:
            grant = await self.open(tx, candidate.user, assurance, target, origin)
        return None if grant is None else await self.sign(grant, candidate.user, target)

    async def _spared(
        self, user: User, assurance: Assurance, required: ACR, target: Target, origin: Origin
    ) -> IssuedGrant | None:
        """The grant of a sign-in whose browser is trusted, where that may stand in for what comes next; else None."""
        if target.browser is None or not self._trusted.may_spare(required):
            return None
        async with self._db.transaction() as tx:
            if not await self._trusted.recognize(tx, user, target.browser, origin):
                return None
            return await self.open(tx, user, self._trusted.assurance(assurance, required), target, origin)

    async def _may_mail(self, candidate: Candidate, assurance: Assurance) -> bool:
        """Whether a mailed code may be the second factor: a second mail proves nothing, and administrators enrol."""
        if not self._mailed_second or not candidate.user.is_verified or set(EVIDENCE.amr) & set(assurance.amr):
            return False
        return not (await self._roles.holdings(candidate.held, SELF)).permissions

    async def required(self, candidate: Candidate, target: Target) -> ACR:
        """How well the candidate must prove who they are for this audience."""
        return required_acr(
            self._required_acr,
            candidate.user.required_acr,
            target.audience.required_acr,
            target.acr,
            roles=await self._roles.requirements(candidate.held, target.audience.name),
        )

    async def paused(
        self, user: User, assurance: Assurance, required: ACR, step: NextStep, target: Target
    ) -> MFARequired:
        """Keep a sign-in until its next step, by one statement; the refusal carries the token that opens it."""
        now, raw_token = self._clock.now(), random_secret()
        factors = [factor.value for factor in step.factors]
        await self._db.fetchrow(
            store.ADD,
            new_id(now),
            hash_secret(raw_token),
            step.step.value,
            user.id,
            user.credentials_version,
            target.client_id,
            target.audience.name,
            None if target.requested is None else " ".join(target.requested),
            " ".join(assurance.amr),
            assurance.acr.value,
            required.value,
            now,
            now + self._token_lifetime,
            " ".join(factors),
            None if target.vouched is None else json.dumps(target.vouched.as_json()),
        )
        words = {
            Step.VERIFY: "Go on with a second factor.",
            Step.ENROL: "A second factor is required here. Enrol one to go on.",
        }
        extensions: dict[str, object] = {"mfa_token": raw_token, "step": step.step.value, "factors": factors}
        extensions["expires_in"] = int(self._token_lifetime.total_seconds())
        if step.step is Step.VERIFY and target.browser is not None and self._trusted.may_spare(required):
            extensions["trust_seconds"] = self._trusted.lifetime_seconds
        return MFARequired(words[step.step], extensions=extensions)

    async def open(
        self, tx: Transaction, user: User, assurance: Assurance, target: Target, origin: Origin
    ) -> IssuedGrant | None:
        """Session, grant, first refresh token and audit entry by three statements; None as `Sessions.start` says."""
        session = await self._sessions.start(
            tx,
            user_id=user.id,
            credentials_version=user.credentials_version,
            authentication=Authentication(amr=assurance.amr, acr=assurance.acr.value, at=target.proven_at),
            origin=origin,
            browser=target.browser,
        )
        if session is None:
            return None
        if target.vouched is not None:
            await self._identities.note_session(tx, session.id, user.id, target.vouched)
        grant = await self._grants.issue(
            tx, session=session, client_id=target.client_id, audience=target.audience, requested=target.requested
        )
        event = SessionCreated(
            actor=Actor(ActorKind.USER, user.sub),
            origin=origin,
            subject=user.sub,
            sid=session.sid,
            amr=list(session.amr),
            acr=session.acr,
            client_id=target.client_id,
            audience=target.audience.aud,
        )
        await self._audit.record(tx, event)
        return grant

    async def sign(self, grant: IssuedGrant, user: User, target: Target) -> IssuedTokens:
        """The tokens of a grant that has committed."""
        SIGN_INS.add("success")
        return await self._grants.sign(
            grant, subject=subject_of(user), audience=target.audience, requested=target.requested
        )


def subject_of(user: User) -> TokenSubject:
    """The user as tokens show them."""
    return TokenSubject(
        sub=user.sub,
        email=user.email,
        email_verified=user.is_verified,
        name=user.name,
        attributes=user.attributes,
    )


def offered(text: str) -> tuple[FactorName, ...]:
    """The factors of a pending sign-in, as its row keeps them."""
    return tuple(FactorName(name) for name in text.split())
