"""Proving again who one is: a new `auth_time` for the session, and an access token that says so."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.audiences.service import Audiences
from app.audit.event import Actor, ActorKind
from app.audit.service import AuditLog
from app.factors.factor import FactorName, Presented, Proof
from app.factors.service import Factors
from app.foundation.browser import SessionCookie
from app.foundation.db import Database, Transaction
from app.foundation.origin import Origin
from app.foundation.principal import Principal
from app.grants.mint import MintedToken
from app.grants.reissue import AccessTokenReissue
from app.sessions.service import Sessions
from app.signing_keys.errors import InvalidToken
from app.stepup.errors import NoUsableFactor, ProofRefused
from app.stepup.events import SessionReauthenticated, StepUpRefused
from app.stepup.guard import ProofGuard
from app.stepup.rules import usable_again
from app.users.service import Users
from app.users.user import User


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RenewedSession:
    """An access token of the renewed session, and where that is a browser's its new cookie."""

    minted: MintedToken
    cookie: SessionCookie | None


class Reauthentication:
    """Renews the proof behind a session. Its refresh tokens stay as they are and carry the new proof on."""

    def __init__(
        self,
        db: Database,
        *,
        audit: AuditLog,
        audiences: Audiences,
        users: Users,
        factors: Factors,
        guard: ProofGuard,
        sessions: Sessions,
        tokens: AccessTokenReissue,
    ) -> None:
        self._db = db
        self._audit = audit
        self._audiences = audiences
        self._users = users
        self._factors = factors
        self._guard = guard
        self._sessions = sessions
        self._tokens = tokens

    async def begin(self, caller: Principal, name: str) -> Mapping[str, object]:
        """What a client must show to prove by this factor; empty where nothing is needed. Raises NoUsableFactor."""
        async with self._db.transaction() as tx:
            user = await self._users.get(tx, caller.user_id)
            usable = usable_again(await self._factors.enrolled(tx, user.id))
            shown = None
            if name in usable:
                shown = await self._factors.begin(tx, name, user, bound_to=_bound_to(caller))
        if shown is None:
            raise NoUsableFactor("This is not among the ways in which you can prove who you are here.")
        return shown

    async def reauthenticate(
        self, caller: Principal, name: FactorName, presented: Presented, origin: Origin
    ) -> RenewedSession:
        """Weigh a proof, renew the session by it, and return an access token for the caller's audience.

        A browser's session gets another cookie in the same transaction, and its token is for the audience of its
        sign-in.

        Raises TooManyAttempts, ProofRefused for whatever is wrong with the proof, InvalidToken where the session has
        ended meanwhile, HashingBusy, DatabaseUnavailable. Spec: RFC 9470 §4 (what the new token says).
        """
        async with self._db.transaction() as tx:
            user = await self._users.get(tx, caller.user_id)
            usable = usable_again(await self._factors.enrolled(tx, user.id))
        attempt = await self._guard.admit(user, name, origin)
        weighed = await self._factors.weigh(name, user, presented)
        renewed, proof, cookie = False, None, None
        async with self._db.transaction() as tx:
            if name in usable:
                proof = await self._factors.verify(tx, name, user, weighed, bound_to=_bound_to(caller))
            if proof is None:
                reason = "not proven" if name in usable else "not usable"
                if name in usable:
                    await self._guard.count(tx, user, name, actor=Actor(ActorKind.USER, caller.sub), origin=origin)
                await self._record_refusal(tx, caller, name, reason, origin)
            else:
                renewed = await self._renew(tx, caller, user, proof, origin)
                cookie = await self._sessions.rotate_cookie(tx, caller.session_id) if renewed else None
        self._guard.note(attempt, proven=proof is not None)
        if proof is None:
            raise ProofRefused(detail=f"{name.value} was refused")
        minted = await self._mint(caller, by_cookie=cookie is not None) if renewed else None
        if minted is None:
            raise InvalidToken(detail="the session or grant ended during step-up")
        return RenewedSession(minted=minted, cookie=cookie)

    async def _renew(self, tx: Transaction, caller: Principal, user: User, proof: Proof, origin: Origin) -> bool:
        renewed = await self._sessions.prove_again(
            tx, caller.session_id, credentials_version=user.credentials_version, evidence=proof.evidence
        )
        if renewed is None:
            return False
        event = SessionReauthenticated(
            actor=Actor(ActorKind.USER, caller.sub),
            origin=origin,
            subject=caller.sub,
            sid=caller.sid,
            factor=proof.factor.value,
            amr=list(renewed.amr),
            acr=renewed.acr,
        )
        await self._audit.record(tx, event)
        return True

    async def _mint(self, caller: Principal, *, by_cookie: bool) -> MintedToken | None:
        audience = None if by_cookie else await self._audiences.resolve(caller.audience)
        return await self._tokens.reissue(sid=caller.sid, grant_id=caller.grant_id, sub=caller.sub, audience=audience)

    async def _record_refusal(
        self, tx: Transaction, caller: Principal, name: FactorName, reason: str, origin: Origin
    ) -> None:
        event = StepUpRefused(
            actor=Actor(ActorKind.USER, caller.sub),
            origin=origin,
            subject=caller.sub,
            sid=caller.sid,
            factor=name.value,
            reason=reason,
        )
        await self._audit.record(tx, event)


def _bound_to(caller: Principal) -> str:
    return f"reauthenticate:{caller.session_id}"
