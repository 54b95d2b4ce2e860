"""Ending grants, one by one or all of a client's: every token that hangs from them is refused."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from app.audit.event import Actor
from app.audit.service import AuditLog
from app.foundation.clock import Clock
from app.foundation.db import Transaction
from app.foundation.origin import Origin
from app.grants.events import GrantRevoked
from app.revocation.kinds import RevocationKind
from app.revocation.service import Revocations
from app.sessions.service import Sessions

_END = """
    UPDATE grants g SET revoked_at = :now FROM sessions s, users u
    WHERE s.id = g.session_id AND u.id = g.user_id AND g.revoked_at IS NULL AND {which}
    RETURNING g.grant_id, g.client_id, s.sid, u.sub, g.browser_sid IS NOT NULL AND s.sid <> g.browser_sid AS own_session
    """
_ONE = text(_END.format(which="g.id = :grant_row_id"))
_OF_CLIENT = text(_END.format(which="g.user_id = :user_id AND g.client_id = :client_id AND g.browser_sid IS NOT NULL"))


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
        now = self._clock.now()
        ended = (await tx.execute(_ONE, {"now": now, "grant_row_id": grant_row_id})).all()
        await self._follow_up(tx, ended, reason=reason, actor=actor, origin=origin)
        return bool(ended)

    async def end_of_client(
        self, tx: Transaction, user_id: UUID, client_id: str, *, reason: str, actor: Actor, origin: Origin
    ) -> int:
        """End every grant that a user gave a client, as when consent is withdrawn, and its unspent codes."""
        now: datetime = self._clock.now()
        values = {"now": now, "user_id": user_id, "client_id": client_id}
        await tx.execute(_SPEND, values)
        ended = (await tx.execute(_OF_CLIENT, values)).all()
        await self._follow_up(tx, ended, reason=reason, actor=actor, origin=origin)
        return len(ended)

    async def _follow_up(
        self, tx: Transaction, ended: Sequence[Row[Any]], *, reason: str, actor: Actor, origin: Origin
    ) -> None:
        for grant in ended:
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
        ids = [grant.grant_id for grant in ended]
        await self._revocations.add_all(tx, RevocationKind.GRANT_ID, ids, reason=reason)


_SPEND = text(
    """
    UPDATE authorization_codes SET consumed_at = :now
    WHERE user_id = :user_id AND client_id = :client_id AND consumed_at IS NULL AND expires_at > :now
    """
)
