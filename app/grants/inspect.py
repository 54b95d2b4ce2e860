"""Asking whether what a token hangs from is still live."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.foundation.clock import Clock
from app.foundation.db import Database, Transaction
from app.grants import store
from app.protocols.jose.claims import TokenClaims


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveGrant:
    """A live grant's session and user."""

    session_id: UUID
    user_id: UUID
    auth_time: datetime
    acr: str


class GrantInspection:
    """Looks up the live state below a verified token."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def narrowed_to(self, tx: Transaction, grant_id: str) -> frozenset[str] | None:
        """The scopes that a grant was narrowed to when it was asked for; None where it was not."""
        scope = await store.scope_of(tx, grant_id)
        return None if scope is None else frozenset(scope.split(" "))

    async def find_live(self, verified: TokenClaims) -> LiveGrant | None:
        """The live grant that a user's token names, or None where that, its session or its user no longer counts.

        None also where the token itself, or everything of its audience, was ended.

        One statement on the hot pool. Raises DatabaseUnavailable.
        """
        claims, now = verified.members, self._clock.now()
        row = await self._db.fetchrow(
            store.INSPECT,
            claims["sid"],
            claims["grant_id"],
            verified.sub,
            now,
            claims["jti"],
            verified.audiences[0],
            verified.issued_at,
            repeatable=True,
        )
        if row is None:
            return None
        return LiveGrant(
            session_id=row["session_id"], user_id=row["user_id"], auth_time=row["auth_time"], acr=row["acr"]
        )
