"""Ending a browser's session, and whom the browser itself tells of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text

from app.audit.event import Actor, ActorKind
from app.foundation.db import Database
from app.foundation.origin import Origin
from app.protocols.oidc.logout import frontchannel_address
from app.sessions.service import Sessions

_FRONT = text(
    """
    SELECT DISTINCT c.client_metadata ->> 'frontchannel_logout_uri' AS uri
    FROM grants g JOIN oauth_clients c ON c.client_id = g.client_id
    WHERE g.browser_sid = :sid AND c.disabled_at IS NULL
      AND c.client_metadata ->> 'frontchannel_logout_uri' IS NOT NULL
    ORDER BY uri
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedOut:
    """A session that is over. `frames` are the addresses by which the browser tells clients of it."""

    frames: Sequence[str] = ()


class BrowserSignOut:
    """Ends a browser's session. Clients are told by the worker, and by the frames of the page that says goodbye.

    `forward_seconds` is how long that page waits for the frames before it goes on.
    """

    def __init__(self, db: Database, sessions: Sessions, *, issuer: str, forward_seconds: int) -> None:
        self.forward_seconds = forward_seconds
        self._db = db
        self._sessions = sessions
        self._issuer = issuer

    async def sign_out(self, sid: str, *, sub: str, origin: Origin) -> SignedOut:
        """End the session of this `sid` and all that hangs from it. Idempotent. Raises DatabaseUnavailable."""
        async with self._db.transaction() as tx:
            addresses = [row.uri for row in await tx.execute(_FRONT, {"sid": sid})]
            actor = Actor(ActorKind.USER, sub)
            await self._sessions.end(tx, sid, subject=sub, reason="logout", actor=actor, origin=origin)
        return SignedOut(frames=[frontchannel_address(uri, issuer=self._issuer, sid=sid) for uri in addresses])
