"""Refreshing: rotating refresh tokens, and what happens when a spent one comes back."""

from dataclasses import replace

import asyncpg

from app.audiences.service import Audiences, AudienceView
from app.audit.event import ANONYMOUS, Actor, ActorKind, Event
from app.audit.service import AuditLog
from app.foundation.clock import Clock
from app.foundation.db import Database
from app.foundation.metrics import Counter
from app.foundation.oauth_errors import InvalidTarget
from app.foundation.origin import Origin
from app.foundation.secrets import equal
from app.grants import store
from app.grants.access_token import FIRST_PARTY_CLIENT
from app.grants.end import GrantEnding
from app.grants.errors import InsufficientAuthentication, InvalidRefreshToken, InvalidScope, RefreshTokenReused
from app.grants.events import RefreshRefused, RefreshReplayed, RefreshReused
from app.grants.mint import AccessTokenMinter, IssuedTokens
from app.grants.refresh_token import PresentedToken, format_token, parse_token
from app.grants.rotation import RefreshRequest, Rotated, RotationLifetimes
from app.grants.spend_refresh_token import RefreshTokenSpending
from app.protocols.assurance import best, satisfies
from app.roles.rules import Held
from app.roles.service import Roles
from app.sessions.service import Sessions

_RESULTS = ("rotated", "replayed", "reused", "malformed", "unknown", "foreign", "expired", "session_over")
_REFRESHES = Counter("refreshes", "Refresh tokens presented, by what came of it.", unit="tokens", result=_RESULTS)


class RefreshTokenRotation:
    """Each refresh spends the presented token and answers with its successor. Spec: RFC 9700 §4.14.2."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        *,
        audit: AuditLog,
        spending: RefreshTokenSpending,
        audiences: Audiences,
        roles: Roles,
        sessions: Sessions,
        ending: GrantEnding,
        minter: AccessTokenMinter,
        lifetimes: RotationLifetimes,
    ) -> None:
        self._db = db
        self._clock = clock
        self._audit = audit
        self._spending = spending
        self._audiences = audiences
        self._roles = roles
        self._sessions = sessions
        self._ending = ending
        self._minter = minter
        self._lifetimes = lifetimes

    async def refresh(self, raw_token: str, request: RefreshRequest) -> IssuedTokens:
        """Spend a refresh token for an access token and the successor.

        Idempotent within the grace window: a client that lost the answer gets the same successor again.
        Raises InvalidTarget before anything is spent, InvalidRefreshToken, RefreshTokenReused (the session
        was ended), DatabaseUnavailable.
        """
        asked = None if request.audience is None else await self._audiences.resolve(request.audience)
        rotated = await self.rotate(raw_token, request, asked)
        if rotated is None:
            raise InvalidRefreshToken(detail="no client of ours changes")
        return await self._answer(rotated, asked)

    async def rotate(self, raw_token: str, request: RefreshRequest, asked: AudienceView | None) -> Rotated | None:
        """Spend a refresh token for its successor; None where the client has changed meanwhile: read it anew.

        Raises as `refresh`, and for a client that is not ours InvalidScope and InvalidTarget before anything is spent.
        """
        presented = parse_token(raw_token)
        if presented is None:
            _REFRESHES.add("malformed")
            await self._record(RefreshRefused(actor=ANONYMOUS, origin=request.origin, reason="malformed"))
            raise InvalidRefreshToken(detail="malformed refresh token")
        if asked is not None and (asked.required_acr is not None or self._roles.ask_for_more):
            await self._require_acr(presented, asked)
        if request.scope is not None or request.target is not None:
            await self._require_granted(presented, request)
        read_at = self._clock.now()
        spent = await self._spending.spend(presented, request)
        if spent is None:
            read_at = self._clock.now()
            row = await self._judge(presented, request)
            if row is None:
                return None
            spent = self._spending.successor_of(presented, row)
        else:
            _REFRESHES.add("rotated")
        remaining = spent.row["successor_expires_at"] - self._clock.now()
        return Rotated(
            row=spent.row,
            read_at=read_at,
            refresh_token=format_token(spent.successor_id, spent.raw_successor),
            refresh_expires_in=int(remaining.total_seconds()),
        )

    async def _require_granted(self, presented: PresentedToken, request: RefreshRequest) -> None:
        """Refuse a scope or audience beyond the grant's, before anything is spent. Spec: RFC 6749 §6, RFC 8707 §2.2."""
        row = await self._db.fetchrow(store.JUDGE, presented.id, self._clock.now(), repeatable=True)
        if row is None or not equal(row["secret_hash"], presented.secret_hash) or row["client_id"] != request.client_id:
            return
        if request.scope is not None and not set(request.scope) <= set((row["scope"] or "").split()):
            raise InvalidScope("The refresh token was granted no scope of that name.")
        if request.target is not None and request.target.name != row["audience"]:
            raise InvalidTarget("The refresh token was granted for another audience.")

    async def _require_acr(self, presented: PresentedToken, asked: AudienceView) -> None:
        """Refuse an audience that asks for more than the sign-in proved, before anything is spent.

        Otherwise a sign-in for one audience would open, by a refresh, another that needs a second factor.
        """
        row = await self._db.fetchrow(store.JUDGE, presented.id, self._clock.now(), repeatable=True)
        if row is None or not equal(row["secret_hash"], presented.secret_hash):
            return
        demands = await self._roles.requirements(Held.parse(row["held"]), asked.name)
        required = best([*demands, *([asked.required_acr] if asked.required_acr else [])])
        if not satisfies(row["acr"], required):
            raise InsufficientAuthentication.of(required)

    async def _judge(self, presented: PresentedToken, request: RefreshRequest) -> asyncpg.Record | None:
        """Decide on a token that could not be rotated: the same successor again, or a refusal that leaves a trace.

        None where nothing is wrong with it: then the client is no longer what was read.
        """
        now = self._clock.now()
        row = await self._db.fetchrow(store.JUDGE, presented.id, now, repeatable=True)
        refused = RefreshRefused(actor=ANONYMOUS, origin=request.origin, reason="unknown")
        if row is None or not equal(row["secret_hash"], presented.secret_hash):
            _REFRESHES.add("unknown")
            await self._record(refused)
            raise InvalidRefreshToken(detail="unknown refresh token")
        refused = replace(refused, subject=row["sub"], sid=row["sid"], grant_id=row["grant_id"])
        if row["live"] and row["client_id"] != request.client_id and row["rotated_at"] is None:
            _REFRESHES.add("foreign")
            await self._end_for_theft(row, replace(refused, reason="another client's"))
            raise InvalidRefreshToken(detail="refresh token of another client")
        if row["rotated_at"] is None and row["live"] and row["token_expires_at"] > now and request.version is not None:
            return None
        if row["rotated_at"] is None or not row["live"]:
            reason = "expired" if row["live"] else "session over"
            _REFRESHES.add(reason.replace(" ", "_"))
            await self._record(replace(refused, reason=reason))
            raise InvalidRefreshToken(detail=f"refresh token refused: {reason}")
        # Either way: where the clock stepped back, what was spent lies ahead, and nothing of it counts again.
        in_grace = abs(now - row["rotated_at"]) <= self._lifetimes.grace and row["successor_unspent"]
        if not in_grace or row["client_id"] != request.client_id:
            _REFRESHES.add("reused")
            await self._end_for_reuse(row, request.origin)
            raise RefreshTokenReused(detail=f"refresh token {presented.id} came back after its rotation")
        _REFRESHES.add("replayed")
        actor = Actor(ActorKind.USER, row["sub"])
        names = {"subject": row["sub"], "sid": row["sid"], "grant_id": row["grant_id"]}
        await self._record(RefreshReplayed(actor=actor, origin=request.origin, **names))
        return row

    async def _end_for_reuse(self, row: asyncpg.Record, origin: Origin) -> None:
        """End the session under a spent token: whoever holds it, one of two is not the owner."""
        async with self._db.transaction() as tx:
            event = RefreshReused(
                actor=ANONYMOUS, origin=origin, subject=row["sub"], sid=row["sid"], grant_id=row["grant_id"]
            )
            await self._audit.record(tx, event)
            await self._sessions.end(
                tx, row["sid"], subject=row["sub"], reason="refresh_token_reused", actor=ANONYMOUS, origin=origin
            )

    async def _end_for_theft(self, row: asyncpg.Record, refused: RefreshRefused) -> None:
        """End what a token hangs from that another client than its own has brought. Spec: RFC 9700 §4.14.2."""
        async with self._db.transaction() as tx:
            await self._audit.record(tx, refused)
            reason, actor, origin = "refresh_token_of_another_client", ANONYMOUS, refused.origin
            if row["client_id"] == FIRST_PARTY_CLIENT:
                await self._sessions.end(tx, row["sid"], subject=row["sub"], reason=reason, actor=actor, origin=origin)
            else:
                await self._ending.end(tx, row["grant_row_id"], reason=reason, actor=actor, origin=origin)

    async def _record(self, event: Event) -> None:
        async with self._db.transaction() as tx:
            await self._audit.record(tx, event)

    async def _answer(self, rotated: Rotated, asked: AudienceView | None) -> IssuedTokens:
        row = rotated.row
        audience = asked or await self._audiences.get(row["audience"])
        held = Held.parse(row["held"])
        minted = await self._minter.mint(
            held=held,
            read_at=rotated.read_at,
            subject=store.subject_of(row, held),
            context=store.context_of(row),
            audience=audience,
            holdings=await self._roles.holdings(held, audience.name),
            requested=None if row["scope"] is None else row["scope"].split(" "),
        )
        return IssuedTokens(
            access_token=minted.raw_token,
            expires_in=minted.expires_in,
            scope=minted.scope,
            refresh_token=rotated.refresh_token,
            refresh_expires_in=rotated.refresh_expires_in,
        )
