"""Who a session cookie speaks for, and keeping a browser's session awake while it is used."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from app.audiences.service import Audiences
from app.foundation.clock import Clock
from app.foundation.db import Database
from app.foundation.secrets import hash_secret
from app.grants import store
from app.grants.access_token import TokenContext
from app.grants.issue import FIRST_PARTY_CLIENT
from app.grants.scope import granted_scopes
from app.roles.rules import Held
from app.roles.service import Roles

# The idle limit moves at most twelve times in its length: reading is each request's, writing is not.
_STEPS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowserCaller:
    """A live browser session's user, with what they hold at this service itself."""

    session_id: UUID
    user_id: UUID
    sub: str
    email: str
    context: TokenContext
    audience: str
    scopes: tuple[str, ...]
    roles: tuple[str, ...]


class BrowserInspection:
    """Resolves session cookies.

    A browser that holds one holds the refresh cookie as well, with which it would get a token for this service. So
    the session cookie opens what that token would: no more, for the grant's own scope narrows both alike.
    """

    def __init__(self, db: Database, clock: Clock, *, audiences: Audiences, roles: Roles) -> None:
        self._db = db
        self._clock = clock
        self._audiences = audiences
        self._roles = roles

    async def find_live(self, raw_cookie: str) -> BrowserCaller | None:
        """The caller behind a session cookie, or None where session, grant or user no longer counts.

        One statement on the hot pool, and every few minutes one more that moves the idle limit. Raises
        DatabaseUnavailable.
        """
        now = self._clock.now()
        row = await self._db.fetchrow(
            store.BY_COOKIE, hash_secret(raw_cookie), FIRST_PARTY_CLIENT, now, repeatable=True
        )
        if row is None:
            return None
        await self._keep_awake(row, now)
        audience = await self._audiences.resolve(None)
        holdings = await self._roles.holdings(Held.parse(row["held"]), audience.name)
        requested = None if row["scope"] is None else row["scope"].split(" ")
        return BrowserCaller(
            session_id=row["session_id"],
            user_id=row["user_id"],
            sub=row["sub"],
            email=row["email"],
            context=store.context_of(row),
            audience=audience.aud,
            scopes=granted_scopes(requested, audience.scopes, holdings.permissions),
            roles=holdings.roles,
        )

    async def _keep_awake(self, row: asyncpg.Record, now: datetime) -> None:
        """Move the idle limit, unless it has just been moved or already stands at the absolute one."""
        idle, limit = timedelta(seconds=row["idle_seconds"]), row["idle_expires_at"]
        if limit < row["session_expires_at"] and limit - now < idle - idle / _STEPS:
            await self._db.fetchrow(store.KEEP_AWAKE, row["session_id"], now, limit)
