"""Asking whether what a token hangs from is still live."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from app.foundation.clock import Clock
from app.foundation.db import Database, Transaction
from app.foundation.secrets import equal
from app.grants import store
from app.grants.live_tokens import Asking, LiveTokens
from app.grants.refresh_token import PresentedToken
from app.protocols.jose.claims import TokenClaims


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveGrant:
    """A live grant's session and user."""

    session_id: UUID
    user_id: UUID
    auth_time: datetime
    acr: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRefreshToken:
    """An unspent refresh token under a live grant. Times are NumericDates; `audience` is the stored name."""

    sub: str
    client_id: str
    audience: str
    resource: str | None
    scope: str
    sid: str
    grant_id: str
    issued_at: int
    expires_at: int


class GrantInspection:
    """Looks up the live state below a verified token."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._live = LiveTokens(db, clock, store.INSPECT)

    async def narrowed_to(self, tx: Transaction, grant_id: str) -> frozenset[str] | None:
        """The scopes that a grant was narrowed to when it was asked for; None where it was not."""
        scope = await store.scope_of(tx, grant_id)
        return None if scope is None else frozenset(scope.split(" "))

    async def find_live(self, verified: TokenClaims, *, asking: Asking | None = None) -> LiveGrant | None:
        """The live grant that a user's token names, or None where that, its session or its user no longer counts.

        None also where the token itself, or everything of its audience, was ended, and where the client that asks is
        no longer what it was.

        One statement on the hot pool, for all who ask at one moment. Raises DatabaseUnavailable.
        """
        told = await self._live.find(verified, asking=asking)
        if told is None:
            return None
        return LiveGrant(
            session_id=UUID(told["session_id"]),
            user_id=UUID(told["user_id"]),
            auth_time=datetime.fromtimestamp(told["auth_time"], UTC),
            acr=told["acr"],
        )

    async def find_refresh_token(self, presented: PresentedToken) -> LiveRefreshToken | None:
        """An unspent refresh token under a live grant, or None. Nothing is spent. Raises DatabaseUnavailable."""
        now = self._clock.now()
        row = await self._db.fetchrow(store.JUDGE, presented.id, now, repeatable=True)
        if row is None or not equal(row["secret_hash"], presented.secret_hash):
            return None
        if row["rotated_at"] is not None or row["token_expires_at"] <= now or not row["live"]:
            return None
        return LiveRefreshToken(
            sub=row["sub"],
            client_id=row["client_id"],
            audience=row["audience"],
            resource=row["resource"],
            scope=row["scope"] or "",
            sid=row["sid"],
            grant_id=row["grant_id"],
            issued_at=int(row["token_created_at"].timestamp()),
            expires_at=int(row["token_expires_at"].timestamp()),
        )
