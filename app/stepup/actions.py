"""Action tokens: a challenge, its answer, and a token for one act."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from app.audiences.service import Audiences
from app.audit.event import Actor, ActorKind, Event
from app.audit.service import AuditLog
from app.factors.factor import FactorName, Presented
from app.factors.service import Factors
from app.foundation.clock import Clock
from app.foundation.db import Database, Transaction
from app.foundation.ids import new_id
from app.foundation.origin import Origin
from app.foundation.principal import Principal
from app.foundation.secrets import random_id
from app.signing_keys.service import SigningKeys
from app.stepup import store
from app.stepup.errors import InvalidChallenge, NoUsableFactor, ProofRefused
from app.stepup.events import ActionTokenIssued, StepUpRefused
from app.stepup.guard import ProofGuard
from app.stepup.rules import ACTION_TYPE, ActionClaims, usable_for_actions
from app.stepup.settings import StepUpSettings
from app.users.service import Users


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """What is asked before an action token. `options` holds what a client must show, by factor."""

    id: UUID
    factors: tuple[FactorName, ...]
    options: Mapping[str, Mapping[str, object]]
    expires_in: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedActionToken:
    """An action token and its life in seconds."""

    raw_token: str = field(repr=False)
    expires_in: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What a challenge asks."""

    id: UUID
    action: str
    factors: list[str]
    request_hash: str | None


class ActionTokens:
    """Makes challenges, and tokens of those that are answered."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        *,
        audit: AuditLog,
        audiences: Audiences,
        users: Users,
        factors: Factors,
        guard: ProofGuard,
        keys: SigningKeys,
        settings: StepUpSettings,
        issuer: str,
    ) -> None:
        self._db = db
        self._clock = clock
        self._audit = audit
        self._audiences = audiences
        self._users = users
        self._factors = factors
        self._guard = guard
        self._keys = keys
        self._settings = settings
        self._issuer = issuer

    async def challenge(
        self, caller: Principal, *, action: str, request_hash: str | None, wanted: FactorName | None = None
    ) -> Challenge:
        """A challenge for one act at the caller's audience, to be answered in the caller's session.

        By `wanted` alone where the user asks for it. Raises NoUsableFactor, and TooManyAttempts for one challenge or
        one mail too many.
        """
        async with self._db.transaction() as tx:
            user = await self._users.get(tx, caller.user_id)
            factors = usable_for_actions(await self._factors.enrolled(tx, user.id), wanted)
        # A mailed code has its mailbox's limit, which is narrower: the limiter is asked once either way.
        if FactorName.EMAIL_CODE not in factors:
            await self._guard.admit_challenge(caller.user_id)
        now = self._clock.now()
        challenge_id = new_id(now)
        options = {}
        async with self._db.transaction() as tx:
            await store.purge(tx, now=now)
            for name in factors:
                shown = await self._factors.begin(tx, name, user, bound_to=_bound_to(challenge_id))
                if shown:
                    options[name.value] = shown
            asked = _Asked(
                id=challenge_id,
                action=action,
                factors=[name.value for name in factors],
                request_hash=request_hash,
            )
            await store.add(tx, self._row(caller, asked, now))
        if not factors:
            raise NoUsableFactor("Prove it by another factor, or enrol one first.")
        return Challenge(id=challenge_id, factors=factors, options=options, expires_in=self._settings.challenge_seconds)

    def _row(self, caller: Principal, asked: _Asked, now: datetime) -> dict[str, object]:
        return {
            "id": asked.id,
            "user_id": caller.user_id,
            "session_id": caller.session_id,
            "audience": caller.audience,
            "action": asked.action,
            "request_hash": asked.request_hash,
            "factors": asked.factors,
            "tries_left": self._settings.challenge_tries,
            "created_at": now,
            "expires_at": now + timedelta(seconds=self._settings.challenge_seconds),
        }

    async def answer(
        self, caller: Principal, challenge_id: UUID, name: FactorName | None, presented: Presented, origin: Origin
    ) -> IssuedActionToken:
        """The token of a challenge that is answered right, once. `name` may be left out where one factor fits.

        Raises InvalidChallenge, TooManyAttempts, ProofRefused, HashingBusy, DatabaseUnavailable.
        """
        row = await self._db.fetchrow(
            store.TAKE_A_TRY, challenge_id, caller.session_id, caller.user_id, caller.audience, self._clock.now()
        )
        if row is None:
            raise InvalidChallenge(detail="unknown, foreign, answered, expired or tried too often")
        asked = _Asked(
            id=challenge_id, action=row["action"], factors=json.loads(row["factors"]), request_hash=row["request_hash"]
        )
        factor = name or _fitting(asked.factors, presented)
        async with self._db.transaction() as tx:
            user = await self._users.get(tx, caller.user_id)
        attempt = await self._guard.admit(user, factor, origin)
        weighed = await self._factors.weigh(factor, user, presented)
        claims = self._claims(caller, asked)
        won, proof = False, None
        async with self._db.transaction() as tx:
            if factor.value in asked.factors:
                proof = await self._factors.verify(tx, factor, user, weighed, bound_to=_bound_to(challenge_id))
            if proof is not None:
                won = await store.claim(tx, challenge_id, now=self._clock.now())
            elif factor.value in asked.factors:
                await self._guard.count(tx, user, factor, actor=Actor(ActorKind.USER, caller.sub), origin=origin)
            reason = None if won else "answered already" if proof else "not proven"
            await self._record(tx, caller, factor, claims, reason=reason, origin=origin)
        self._guard.note(attempt, proven=proof is not None)
        if proof is None:
            raise ProofRefused(detail=f"{factor.value} was refused")
        if not won:
            raise InvalidChallenge(detail="another answer came first")
        return await self._sign(claims)

    def _claims(self, caller: Principal, asked: _Asked) -> ActionClaims:
        return ActionClaims(
            issuer=self._issuer,
            audience=caller.audience,
            sub=caller.sub,
            sid=caller.sid,
            action=asked.action,
            jti=random_id(),
            request_hash=asked.request_hash,
        )

    async def _record(
        self,
        tx: Transaction,
        caller: Principal,
        factor: FactorName,
        claims: ActionClaims,
        *,
        reason: str | None,
        origin: Origin,
    ) -> None:
        """Record the token, or why there is none."""
        actor = Actor(ActorKind.USER, caller.sub)
        event: Event
        if reason is None:
            event = ActionTokenIssued(
                actor=actor,
                origin=origin,
                subject=caller.sub,
                sid=caller.sid,
                factor=factor.value,
                action=claims.action,
                audience=claims.audience,
                jti=claims.jti,
            )
        else:
            event = StepUpRefused(
                actor=actor,
                origin=origin,
                subject=caller.sub,
                sid=caller.sid,
                factor=factor.value,
                reason=reason,
                action=claims.action,
            )
        await self._audit.record(tx, event)

    async def _sign(self, claims: ActionClaims) -> IssuedActionToken:
        audience = await self._audiences.resolve(claims.audience)
        lifetime = self._settings.action_token_seconds
        members = claims.members(now=self._clock.now(), lifetime_seconds=lifetime)
        raw_token = self._keys.sign(members, algorithm=audience.algorithm, typ=ACTION_TYPE)
        return IssuedActionToken(raw_token=raw_token, expires_in=lifetime)


def _bound_to(challenge_id: UUID) -> str:
    return f"action:{challenge_id}"


def _fitting(factors: list[str], presented: Presented) -> FactorName:
    """The factor meant by an answer that names none: an assertion is a passkey's, a code any other's."""
    if presented.assertion is not None:
        return FactorName.PASSKEY
    typed = (FactorName(name) for name in factors if name != FactorName.PASSKEY.value)
    return next(typed, FactorName.PASSWORD)
