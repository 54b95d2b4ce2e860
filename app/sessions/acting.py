"""Sessions in which an administrator acts for a user."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from app.foundation.clock import Clock
from app.foundation.db import Transaction
from app.foundation.ids import new_id
from app.foundation.origin import Origin
from app.foundation.secrets import random_id
from app.sessions.service import StartedSession

# Nobody proved anything in it: whoever asks how long ago that was is told for ever, and `acr` "0" satisfies nothing.
NEVER_PROVEN = datetime.fromtimestamp(0, UTC)
UNPROVEN_ACR = "0"

# Both rows are held against a change: whoever suspends either, or ends the administrator's session, at the same moment
# either comes first, and this finds nothing, or comes after and ends this session too.
_ADD = text(
    """
    INSERT INTO sessions (id, sid, user_id, auth_time, amr, acr, ip, user_agent, created_at, renewed_at,
                          idle_expires_at, expires_at, actor_user_id, actor_session_id)
    SELECT :id, :sid, u.id, CAST(:auth_time AS timestamptz), '{}', :acr, :ip, :user_agent, CAST(:now AS timestamptz),
           CAST(:now AS timestamptz), ends, ends, a.user_id, a.id
    FROM users u, users w, sessions a,
         LATERAL (SELECT least(CAST(:ends AS timestamptz), a.idle_expires_at, a.expires_at) AS ends) l
    WHERE u.id = :user_id AND u.status = 'active' AND a.id = :actor_session_id AND w.id = a.user_id
      AND w.status = 'active' AND a.ended_at IS NULL AND a.idle_expires_at > :now AND a.expires_at > :now
      AND a.actor_user_id IS NULL
    FOR SHARE OF u, w, a
    RETURNING expires_at
    """
)


class ActingSessions:
    """Opens sessions that hang from an administrator's own."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def start(
        self, tx: Transaction, *, user_id: UUID, actor_session_id: UUID, lifetime: timedelta, origin: Origin
    ) -> StartedSession | None:
        """Open a session of a user for the owner of another session, which it never outlives.

        None where the user may not act, or the other session or its user counts no more.
        """
        now = self._clock.now()
        row_id, sid = new_id(now), random_id()
        values = {
            "id": row_id,
            "sid": sid,
            "user_id": user_id,
            "auth_time": NEVER_PROVEN,
            "acr": UNPROVEN_ACR,
            "ip": origin.ip,
            "user_agent": origin.user_agent,
            "now": now,
            "ends": now + lifetime,
            "actor_session_id": actor_session_id,
        }
        expires_at: datetime | None = (await tx.execute(_ADD, values)).scalar()
        if expires_at is None:
            return None
        return StartedSession(
            id=row_id,
            sid=sid,
            user_id=user_id,
            auth_time=NEVER_PROVEN,
            amr=(),
            acr=UNPROVEN_ACR,
            expires_at=expires_at,
        )
