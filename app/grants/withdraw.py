"""Ending what a user allowed one client."""

from uuid import UUID

from sqlalchemy import text

from app.foundation.clock import Clock
from app.foundation.db import Transaction
from app.revocation.kinds import RevocationKind
from app.revocation.service import Revocations

# Codes first: whoever redeems one at this moment has its row, and its grant is there for the second statement.
_SPEND_CODES = text(
    """
    UPDATE authorization_codes SET consumed_at = :now
    WHERE user_id = :user_id AND client_id = :client_id AND consumed_at IS NULL
    """
)
_END_GRANTS = text(
    """
    UPDATE grants g SET revoked_at = :now FROM sessions s
    WHERE g.user_id = :user_id AND g.client_id = :client_id AND g.browser_sid IS NOT NULL AND s.id = g.session_id
      AND g.revoked_at IS NULL AND g.expires_at > :now
    RETURNING g.grant_id, s.sid, s.sid <> g.browser_sid AS is_offline
    """
)


class GrantWithdrawal:
    """Ends every grant of a user to a client, in the caller's transaction. Its tokens are refused from then on."""

    def __init__(self, clock: Clock, revocations: Revocations) -> None:
        self._clock = clock
        self._revocations = revocations

    async def withdraw(self, tx: Transaction, user_id: UUID, client_id: str) -> tuple[int, list[str]]:
        """How many grants there were, and the `sid` of each session that was the client's alone, for offline access.

        Those sessions are the caller's to end.
        """
        values = {"user_id": user_id, "client_id": client_id, "now": self._clock.now()}
        await tx.execute(_SPEND_CODES, values)
        ended = (await tx.execute(_END_GRANTS, values)).all()
        names = [row.grant_id for row in ended]
        await self._revocations.add_all(tx, RevocationKind.GRANT_ID, names, reason="consent_withdrawn")
        return len(ended), sorted({row.sid for row in ended if row.is_offline})
