"""A session at a provider is over: so are those here that rest on it."""

from typing import Protocol, runtime_checkable

from app.audit.event import ANONYMOUS, SYSTEM
from app.audit.service import AuditLog
from app.brokering.errors import InvalidLogout
from app.brokering.events import UpstreamLogoutRefused
from app.brokering.guard import ProviderGuard
from app.federation.connector import Connection, Refusal, SignInRefused, UpstreamLogout
from app.federation.identities.service import Identities
from app.federation.providers.connectors import Connectors
from app.federation.providers.service import IdentityProviders
from app.foundation.db import Database
from app.foundation.errors import Unavailable
from app.foundation.origin import Origin
from app.limits.service import Limits
from app.sessions.service import Sessions

REASON = "upstream_logout"


@runtime_checkable
class HearsLogouts(Protocol):
    """A connector whose providers tell, server to server, that a session is over."""

    async def logged_out(self, connection: Connection, raw_token: str) -> UpstreamLogout:
        """What a logout token says. Raises SignInRefused. Spec: OpenID Connect Back-Channel Logout §2.6."""
        ...


class UpstreamLogouts:
    """Ends what rests on a provider's session, with every token below it, and tells the clients of ours."""

    def __init__(
        self,
        db: Database,
        *,
        audit: AuditLog,
        providers: IdentityProviders,
        connectors: Connectors,
        identities: Identities,
        sessions: Sessions,
        guard: ProviderGuard,
        limits: Limits,
    ) -> None:
        self._db = db
        self._audit = audit
        self._providers = providers
        self._connectors = connectors
        self._identities = identities
        self._sessions = sessions
        self._guard = guard
        self._limits = limits

    async def hear(self, provider_id: str, raw_token: str, origin: Origin) -> int:
        """Take a logout token, and return how many sessions ended by it.

        Raises IdentityProviderNotFound, InvalidLogout, and Unavailable where the provider's keys cannot be read now.
        """
        connection = await self._providers.get(None, provider_id)
        connector = self._connectors.of(connection.kind)
        if not isinstance(connector, HearsLogouts):
            raise InvalidLogout(detail=f"{connection.kind.value} has no logout tokens")
        try:
            # Most are judged by what is known already, and anybody may send one: they say nothing of the provider.
            logout = await self._guard.call(
                connection, lambda: connector.logged_out(connection, raw_token), proves=False
            )
        except SignInRefused as refused:
            if refused.refusal is Refusal.UNREACHABLE:
                raise Unavailable(detail=str(refused)) from refused
            await self.note_refused(connection, refused, origin)
            raise InvalidLogout(detail=str(refused)) from refused
        return await self.end(connection.id, logout, origin)

    async def note_refused(self, connection: Connection, refused: SignInRefused, origin: Origin) -> None:
        """Record a word that did not count. Anybody can send these, and only so many a minute are worth an entry."""
        if not await self._limits.refused_authorization(connection.id, origin):
            return
        event = UpstreamLogoutRefused(
            actor=ANONYMOUS, origin=origin, provider=connection.id, reason=refused.refusal.value
        )
        async with self._db.transaction() as tx:
            await self._audit.record(tx, event)

    async def end(self, connection_id: str, logout: UpstreamLogout, origin: Origin) -> int:
        """End every session that rests on one that is over there, which was verified; return how many there were."""
        async with self._db.transaction() as tx:
            over = await self._identities.sessions_over(tx, connection_id, logout)
            for session in over:
                await self._sessions.end(
                    tx, session.sid, subject=session.sub, reason=REASON, actor=SYSTEM, origin=origin
                )
        return len(over)
