"""Ending a browser's session, and whom the browser itself tells of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text

from app.audit.event import Actor, ActorKind
from app.foundation.db import Database
from app.foundation.origin import Origin
from app.protocols.oidc.logout import frontchannel_address
from app.sessions.service import Sessions

# Each client that was allowed something in this very session.
_CLIENTS = text(
    """
    SELECT DISTINCT c.client_id, c.name, c.client_metadata ->> 'frontchannel_logout_uri' AS front,
      c.client_metadata ->> 'backchannel_logout_uri' AS back
    FROM grants g JOIN oauth_clients c ON c.client_id = g.client_id
    WHERE g.browser_sid = :sid AND c.disabled_at IS NULL
    ORDER BY c.name, c.client_id
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReachedClient:
    """A client to which somebody was signed in by a session. `is_told` says that it hears of the session's end."""

    client_id: str
    name: str
    is_told: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedOut:
    """A session that is over. `frames` are the addresses by which the browser tells clients of it."""

    frames: Sequence[str] = ()
    clients: Sequence[ReachedClient] = ()

    @property
    def told(self) -> Sequence[str]:
        """The names of the clients that are told, by the browser or by us."""
        return tuple(dict.fromkeys(client.name for client in self.clients if client.is_told))

    def untold(self, *, but: str | None = None) -> Sequence[str]:
        """The names of those that have no address for it, save the one of this id."""
        return tuple(
            dict.fromkeys(client.name for client in self.clients if not client.is_told and client.client_id != but)
        )


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
            found = (await tx.execute(_CLIENTS, {"sid": sid})).all()
            actor = Actor(ActorKind.USER, sub)
            await self._sessions.end(tx, sid, subject=sub, reason="logout", actor=actor, origin=origin)
        fronts = sorted({row.front for row in found if row.front is not None})
        return SignedOut(
            frames=[frontchannel_address(uri, issuer=self._issuer, sid=sid) for uri in fronts],
            clients=[
                ReachedClient(client_id=row.client_id, name=row.name, is_told=bool(row.front or row.back))
                for row in found
            ],
        )
