"""Ending one grant: every token that hangs from it is refused."""

from uuid import UUID

from sqlalchemy import text

from app.audit.event import Actor
from app.audit.service import AuditLog
from app.foundation.clock import Clock
from app.foundation.db import Transaction
from app.foundation.origin import Origin
from app.grants.events import GrantRevoked
from app.revocation.kinds import RevocationKind
from app.revocation.service import Revocations
from app.sessions.service import Sessions

_END = text(
    """
    UPDATE grants g SET revoked_at = :now FROM sessions s, users u
    WHERE g.id = :grant_row_id AND s.id = g.session_id AND u.id = g.user_id AND g.revoked_at IS NULL
    RETURNING g.grant_id, g.client_id, s.sid, u.sub, g.browser_sid IS NOT NULL AND s.sid <> g.browser_sid AS own_session
    """
)


class GrantEnding:
    """Ends grants in the caller's transaction.

    One that has a session of its own (`offline_access`) takes it along; a browser's session stays.
    """

    def __init__(self, clock: Clock, audit: AuditLog, revocations: Revocations, sessions: Sessions) -> None:
        self._clock = clock
        self._audit = audit
        self._revocations = revocations
        self._sessions = sessions

    async def end(self, tx: Transaction, grant_row_id: UUID, *, reason: str, actor: Actor, origin: Origin) -> bool:
        """End one grant; False where it is over, or was never written."""
        grant = (await tx.execute(_END, {"now": self._clock.now(), "grant_row_id": grant_row_id})).first()
        if grant is None:
            return False
        event = GrantRevoked(
            actor=actor,
            origin=origin,
            subject=grant.sub,
            client_id=grant.client_id,
            sid=grant.sid,
            grant_id=grant.grant_id,
            reason=reason,
        )
        await self._audit.record(tx, event)
        if grant.own_session:
            await self._sessions.end(tx, grant.sid, subject=grant.sub, reason=reason, actor=actor, origin=origin)
        await self._revocations.add(tx, RevocationKind.GRANT_ID, grant.grant_id, reason=reason)
        return True
