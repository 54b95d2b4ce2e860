"""Redeeming authorization codes: once, by the client that they were issued to. Spec: RFC 6749 §4.1.3, RFC 9700 §4.5."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from typing import NoReturn
from uuid import UUID

import asyncpg

from app.audiences.service import AudienceView
from app.audit.event import ANONYMOUS, Actor, ActorKind
from app.audit.service import AuditLog, alarmed
from app.clients.registered import RegisteredClient
from app.foundation.clock import Clock
from app.foundation.db import Database
from app.foundation.errors import Unavailable
from app.foundation.ids import new_id
from app.foundation.metrics import Counter
from app.foundation.oauth_errors import InvalidGrant, InvalidTarget
from app.foundation.origin import Origin
from app.foundation.secrets import hash_secret, random_id, random_secret
from app.grants.delegated import DelegatedTokens, RefreshPart
from app.grants.end import GrantEnding
from app.grants.events import CodeRedeemed, CodeRefused, CodeReused
from app.grants.redeem_statements import JUDGE_CODE, REDEEM, REDEEM_MANY
from app.grants.refresh_token import format_token
from app.grants.spending import SharedSpending
from app.protocols.oauth.registration import GrantType

# Tokens of before a whole second were ended in it: the next ones wait for it, and for clocks that differ a little.
_LONGEST_WAIT_SECONDS = 2.0

# A person's rights change while their code is redeemed, and again, and again.
_TRIES = 3

_CODES = Counter(
    "codes",
    "Authorization codes presented, by what came of it.",
    unit="codes",
    result=("redeemed", "refused", "reused"),
)


class _Unspent(Enum):
    """Why a good code is not spent yet."""

    CLIENT_CHANGED = auto()
    RIGHTS_CHANGED = auto()


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CodePresented:
    """What a client brings with a code. `challenge` is what its verifier answers, None where it sent none.

    `audience` is the one that it names again, if it does: it must be the code's. Spec: RFC 8707 §2.2.
    """

    raw_code: str
    redirect_uri: str | None
    challenge: str | None
    origin: Origin
    audience: AudienceView | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeLifetimes:
    """`refresh` is the life of a refresh token, `absolute` that of a session that outlives the browser's."""

    refresh: timedelta
    absolute: timedelta


class CodeRedemption:
    """Each code opens one grant. Whoever brings it spends it; whoever brings a spent one ends what it opened."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        audit: AuditLog,
        *,
        tokens: DelegatedTokens,
        ending: GrantEnding,
        lifetimes: CodeLifetimes,
    ) -> None:
        self._db = db
        self._clock = clock
        self._audit = audit
        self._tokens = tokens
        self._ending = ending
        self._lifetimes = lifetimes
        both = [lifetimes.refresh, lifetimes.absolute]
        self._shared = SharedSpending(db, clock, REDEEM_MANY, key="code_hash", lifetimes=both)

    async def redeem(self, client: RegisteredClient, presented: CodePresented) -> dict[str, object] | None:
        """The members of the token response; None where the client has changed meanwhile: read it anew.

        One statement on the hot pool. Raises InvalidGrant, whatever the reason, DatabaseUnavailable.
        """
        await self._wait_for(client.tokens_not_before)
        now = self._clock.now()
        raw_secret, token_id = random_secret(), new_id(now)
        for _ in range(_TRIES):
            row = await self._claim(client, presented, token_id, raw_secret)
            if row is not None:
                break
            if await self._judge(client, presented) is _Unspent.CLIENT_CHANGED:
                return None
        else:
            raise Unavailable(detail="a person's rights change faster than their code is redeemed")
        if row["sub"] is None:
            await self._refuse(client, presented.origin, _reason(row, client))
        _CODES.add("redeemed")
        asked = presented.audience
        if asked is not None and asked.name != row["audience"]:
            await self._end(row, presented.origin)
            raise InvalidTarget("The code was issued for another audience.")
        refresh = None
        if row["successor_expires_at"] is not None:
            life = row["successor_expires_at"] - self._clock.now()
            refresh = RefreshPart(raw_token=format_token(token_id, raw_secret), expires_in=int(life.total_seconds()))
        return await self._tokens.sign(
            client, row, read_at=now, refresh=refresh, nonce=row["nonce"], resource=None if asked is None else asked.aud
        )

    async def _claim(
        self, client: RegisteredClient, presented: CodePresented, token_id: UUID, raw_secret: str
    ) -> asyncpg.Record | None:
        """Spend the code with those of other requests or alone; None where it was spent, or the client has changed."""
        now, actor = self._clock.now(), Actor(ActorKind.CLIENT, client.client_id)
        entry = self._audit.values(CodeRedeemed(actor=actor, origin=presented.origin))
        # In the order of the parameters of REDEEM.
        asked = {
            "code_hash": hash_secret(presented.raw_code),
            "asking": client.client_id,
            "version": client.version,
            "redirect_uri": presented.redirect_uri,
            "challenge": presented.challenge,
            "may_refresh": GrantType.REFRESH_TOKEN.value in client.grant_types,
            "grant_row_id": new_id(now),
            "grant_id": random_id(),
            "token_id": token_id,
            "token_hash": hash_secret(raw_secret),
            "own_session_id": new_id(now),
            "own_sid": random_id(),
            "ip": entry.ip,
            "user_agent": entry.user_agent,
        }
        with alarmed():
            row = await self._shared.spend({**asked, "entry_id": entry.id, "trace_id": entry.trace_id})
            if row is None:
                lifetimes = self._lifetimes.refresh, self._lifetimes.absolute
                row = await self._db.fetchrow(REDEEM, *asked.values(), self._clock.now(), *lifetimes, *entry)
        return row

    async def _judge(self, client: RegisteredClient, presented: CodePresented) -> _Unspent:
        """Why a code that is still good could not be claimed. Raises InvalidGrant for any other."""
        code_hash = hash_secret(presented.raw_code)
        row = await self._db.fetchrow(JUDGE_CODE, code_hash, client.client_id, client.version, repeatable=True)
        if row is not None and not row["current"]:
            return _Unspent.CLIENT_CHANGED
        if row is None or row["client_id"] is None:
            await self._refuse(client, presented.origin, "unknown")
        if not row["spent"]:
            return _Unspent.RIGHTS_CHANGED
        actor = Actor(ActorKind.CLIENT, client.client_id)
        async with self._db.transaction() as tx:
            event = CodeReused(actor=actor, origin=presented.origin, subject=row["sub"], client_id=row["client_id"])
            await self._audit.record(tx, event)
            if row["grant_row_id"] is not None:
                await self._ending.end(
                    tx, row["grant_row_id"], reason="code_reused", actor=ANONYMOUS, origin=presented.origin
                )
        _CODES.add("reused")
        raise InvalidGrant(detail="the code was spent before")

    async def _end(self, row: asyncpg.Record, origin: Origin) -> None:
        async with self._db.transaction() as tx:
            await self._ending.end(tx, row["grant_row_id"], reason="another_audience", actor=ANONYMOUS, origin=origin)

    async def _refuse(self, client: RegisteredClient, origin: Origin, reason: str) -> NoReturn:
        actor = Actor(ActorKind.CLIENT, client.client_id)
        async with self._db.transaction() as tx:
            event = CodeRefused(actor=actor, origin=origin, client_id=client.client_id, reason=reason)
            await self._audit.record(tx, event)
        _CODES.add("refused")
        raise InvalidGrant(detail=f"code refused: {reason}")

    async def _wait_for(self, tokens_not_before: float) -> None:
        """Let the moment pass until which this client's tokens are ended, so that the grant comes after it."""
        remaining = tokens_not_before - self._clock.now().timestamp()
        if remaining > _LONGEST_WAIT_SECONDS:
            raise Unavailable(retry_after_seconds=int(remaining) + 1, detail="tokens_not_before lies ahead")
        if remaining > 0:
            await asyncio.sleep(remaining)


def _reason(row: asyncpg.Record, client: RegisteredClient) -> str:
    """Why a code was spent for nothing: for the log."""
    if row["issued_to"] != client.client_id:
        return "issued to another client"
    if not row["in_time"]:
        return "expired"
    if not row["same_place"]:
        return "another redirect_uri"
    if not row["verified"]:
        return "another code_verifier"
    return "session over"
