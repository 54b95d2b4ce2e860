"""Asking whether what a token hangs from is still live."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.foundation.clock import Clock
from app.foundation.db import Database, Transaction
from app.grants import store


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

    async def find_live(self, *, sid: str, grant_id: str, sub: str) -> LiveGrant | None:
        """The live grant that a token names, or None where it, its session or its user no longer counts.

        One statement on the hot pool. Raises DatabaseUnavailable.
        """
        row = await self._db.fetchrow(store.INSPECT, sid, grant_id, sub, self._clock.now(), repeatable=True)
        if row is None:
            return None
        return LiveGrant(
            session_id=row["session_id"], user_id=row["user_id"], auth_time=row["auth_time"], acr=row["acr"]
        )
