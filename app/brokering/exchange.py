"""The code that an app gets through the browser, and the tokens that it gets for it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from app.audiences.service import Audiences
from app.audit.event import ANONYMOUS, Actor, ActorKind
from app.audit.service import AuditLog
from app.brokering import store
from app.brokering.errors import InvalidExchangeCode
from app.brokering.events import ExchangeCodeReused
from app.federation.identities.service import Identities
from app.foundation.clock import Clock
from app.foundation.db import Database, Transaction
from app.foundation.ids import new_id
from app.foundation.origin import Origin
from app.foundation.secrets import SecretHash, equal, hash_secret, random_secret
from app.grants.access_token import TokenSubject
from app.grants.issue import FIRST_PARTY_CLIENT, GrantIssuance, IssuedGrant
from app.grants.mint import IssuedTokens
from app.login.sign_in import subject_of
from app.protocols.oauth.pkce import challenge_of
from app.sessions.events import SessionCreated
from app.sessions.service import Authentication, Sessions
from app.users.service import Users

REFUSED = "Begin the sign-in again."
REUSED = "exchange_code_reused"


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeFor:
    """What a code is for: an app, the browser's session, an audience by its stored name, and PKCE's challenge."""

    client_id: str
    session_id: UUID
    audience: str
    challenge: str
    flow_id: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _Opened:
    """A session that a code has opened, and whose tokens are not signed yet."""

    grant: IssuedGrant
    subject: TokenSubject
    audience: str


class ExchangeCodes:
    """Codes: 256 random bits, good once and for `lifetime`, by whoever answers the challenge."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        *,
        audit: AuditLog,
        audiences: Audiences,
        users: Users,
        sessions: Sessions,
        grants: GrantIssuance,
        identities: Identities,
        lifetime: timedelta,
    ) -> None:
        self._db = db
        self._clock = clock
        self._audit = audit
        self._audiences = audiences
        self._users = users
        self._sessions = sessions
        self._grants = grants
        self._identities = identities
        self._lifetime = lifetime

    async def issue(self, tx: Transaction, what_for: CodeFor) -> str:
        """The raw code; only its hash is stored."""
        now, raw_code = self._clock.now(), random_secret()
        values = {
            "id": new_id(now),
            "code_hash": hash_secret(raw_code),
            "client_id": what_for.client_id,
            "session_id": what_for.session_id,
            "audience": what_for.audience,
            "challenge": what_for.challenge,
            "flow_id": what_for.flow_id,
            "created_at": now,
            "expires_at": now + self._lifetime,
        }
        await store.add(tx, values)
        return raw_code

    async def exchange(self, raw_code: str, code_verifier: str, origin: Origin) -> IssuedTokens:
        """Open the app's session and return its first tokens.

        Whoever brings a code spends it. A spent one ends the session that it has opened. Raises InvalidExchangeCode.
        """
        code_hash = hash_secret(raw_code)
        async with self._db.transaction() as tx:
            row = await store.claim(tx, code_hash, now=self._clock.now())
            opened = None
            if row is not None and row.user_id is not None and row.in_time and _answers(row.challenge, code_verifier):
                opened = await self._open(tx, row, origin)
        if row is None:
            await self._end_reused(code_hash, origin)
        if opened is None:
            raise InvalidExchangeCode(REFUSED)
        audience = await self._audiences.get(opened.audience)
        return await self._grants.sign(opened.grant, subject=opened.subject, audience=audience, requested=None)

    async def _open(self, tx: Transaction, row: Row[Any], origin: Origin) -> _Opened | None:
        user = await self._users.find(tx, row.user_id)
        if user is None:
            return None
        session = await self._sessions.start(
            tx,
            user_id=user.id,
            credentials_version=user.credentials_version,
            authentication=Authentication(amr=tuple(row.amr), acr=row.acr, at=row.auth_time),
            origin=origin,
        )
        if session is None:
            return None
        audience = await self._audiences.get(row.audience)
        grant = await self._grants.issue(
            tx, session=session, client_id=FIRST_PARTY_CLIENT, audience=audience, requested=None
        )
        await self._identities.follow_session(tx, from_id=row.session_id, to_id=session.id)
        await store.note_opened(tx, row.id, session.sid)
        event = SessionCreated(
            actor=Actor(ActorKind.USER, user.sub),
            origin=origin,
            subject=user.sub,
            sid=session.sid,
            amr=list(session.amr),
            acr=session.acr,
            client_id=FIRST_PARTY_CLIENT,
            audience=audience.aud,
        )
        await self._audit.record(tx, event)
        return _Opened(grant=grant, subject=subject_of(user), audience=audience.name)

    async def _end_reused(self, code_hash: SecretHash, origin: Origin) -> None:
        async with self._db.transaction() as tx:
            spent = await store.find_spent(tx, code_hash)
            if spent is None:
                return
            await self._audit.record(
                tx, ExchangeCodeReused(actor=ANONYMOUS, origin=origin, subject=spent.sub, client_id=spent.client_id)
            )
            if spent.opened_sid is not None and spent.sub is not None:
                await self._sessions.end(
                    tx, spent.opened_sid, subject=spent.sub, reason=REUSED, actor=ANONYMOUS, origin=origin
                )


def _answers(challenge: str, code_verifier: str) -> bool:
    answered = challenge_of(code_verifier)
    return answered is not None and equal(answered.encode(), challenge.encode())
