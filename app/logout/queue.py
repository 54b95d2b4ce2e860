"""Statements on notices: how they come about, are claimed, and end."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from app.foundation.db import Transaction

# Of the sessions that ended just now: each client that was allowed something in one and wants to be told.
# Parameters: $1 sids, $2 subs, $3 now, $4 end of the tries.
ADD = """
    INSERT INTO logout_notices (id, client_id, sid, sub, state, due_at, created_at, expires_at)
    SELECT gen_random_uuid(), told.client_id, told.sid, told.sub, 'pending', $3, $3, $4
    FROM (
      SELECT DISTINCT g.client_id, ended.sid, ended.sub
      FROM unnest($1::text[], $2::text[]) AS ended (sid, sub)
        JOIN grants g ON g.browser_sid = ended.sid
        JOIN oauth_clients c ON c.client_id = g.client_id
      WHERE c.disabled_at IS NULL AND c.client_metadata ->> 'backchannel_logout_uri' IS NOT NULL
    ) told
    ON CONFLICT (sid, client_id) DO NOTHING
    """

_WANTED = text(
    """
    SELECT EXISTS (SELECT FROM oauth_clients
      WHERE disabled_at IS NULL AND client_metadata ->> 'backchannel_logout_uri' IS NOT NULL)
    """
)
# A browser's session that nobody ended and that is over by its limits.
_ADD_RUN_OUT = text(
    """
    INSERT INTO logout_notices (id, client_id, sid, sub, state, due_at, created_at, expires_at)
    SELECT gen_random_uuid(), told.client_id, told.sid, told.sub, 'pending', :now, :now, :until
    FROM (
      SELECT DISTINCT g.client_id, s.sid, u.sub
      FROM sessions s JOIN grants g ON g.browser_sid = s.sid JOIN oauth_clients c ON c.client_id = g.client_id
        JOIN users u ON u.id = s.user_id
      WHERE s.ended_at IS NULL AND s.cookie_hash IS NOT NULL
        AND least(s.idle_expires_at, s.expires_at) BETWEEN :since AND :now
        AND c.disabled_at IS NULL AND c.client_metadata ->> 'backchannel_logout_uri' IS NOT NULL
    ) told
    ON CONFLICT (sid, client_id) DO NOTHING
    RETURNING id
    """
)
_TURN = text("SELECT pg_try_advisory_xact_lock(hashtext('logout claim'))")
# The update asks once more whether a notice is due: one that was settled after the statement had looked must stay so,
# and what the claim waited for may be just that.
_CLAIM = text(
    """
    WITH busy AS (
      SELECT client_id, count(*) AS count FROM logout_notices WHERE state = 'sending' AND due_at > :now
      GROUP BY client_id
    ), ranked AS (
      SELECT id, client_id, due_at, row_number() OVER (PARTITION BY client_id ORDER BY due_at, id) AS place
      FROM logout_notices WHERE state IN ('pending', 'sending') AND due_at <= :now
    ), chosen AS (
      SELECT ranked.id FROM ranked LEFT JOIN busy USING (client_id)
      WHERE ranked.place + coalesce(busy.count, 0) <= :concurrency ORDER BY ranked.due_at LIMIT :most
    ), taken AS (
      UPDATE logout_notices n SET state = 'sending', attempts = n.attempts + 1, due_at = :lease
      FROM chosen WHERE n.id = chosen.id AND n.state IN ('pending', 'sending') AND n.due_at <= :now
      RETURNING n.id, n.client_id, n.sid, n.sub, n.attempts, n.expires_at
    )
    SELECT taken.*, c.client_metadata ->> 'backchannel_logout_uri' AS uri,
      c.client_metadata ->> 'id_token_signed_response_alg' AS algorithm
    FROM taken LEFT JOIN oauth_clients c ON c.client_id = taken.client_id
    """
)
_SETTLE = text(
    """
    UPDATE logout_notices SET state = :state, due_at = :due, ended_at = :ended, status = :status, failure = :failure
    WHERE id = :id AND state = 'sending' AND attempts = :attempts RETURNING id
    """
)


async def add_run_out(tx: Transaction, *, now: datetime, since: datetime, until: datetime) -> int:
    """Add notices of browsers' sessions that came to their limits since then; return how many."""
    if not await tx.scalar(_WANTED):
        return 0
    return len((await tx.execute(_ADD_RUN_OUT, {"now": now, "since": since, "until": until})).all())


async def claim(tx: Transaction, *, now: datetime, lease: datetime, concurrency: int, most: int) -> Sequence[Row[Any]]:
    """Take what is due in hand until `lease`, of each client no more than `concurrency` at once.

    One worker claims at a time; the others get nothing and ask again.
    """
    if not await tx.scalar(_TURN):
        return ()
    values = {"now": now, "lease": lease, "concurrency": concurrency, "most": most}
    return (await tx.execute(_CLAIM, values)).all()


async def settle(
    tx: Transaction,
    notice_id: UUID,
    *,
    attempts: int,
    state: str,
    due: datetime,
    ended: datetime | None,
    status: int | None,
    failure: str | None,
) -> bool:
    """Write what came of a try; False where somebody else has the notice by now."""
    values = {
        "id": notice_id,
        "attempts": attempts,
        "state": state,
        "due": due,
        "ended": ended,
        "status": status,
        "failure": failure,
    }
    return (await tx.execute(_SETTLE, values)).first() is not None
