"""The statements by which refresh tokens are spent for their successors: of one request, and of many at one moment."""

from app.audit.event import ActorKind
from app.audit.service import recording_all_ctes, recording_ctes
from app.grants.events import TokenRefreshed
from app.grants.store import LIVE, SUBJECT
from app.roles.holding import HELD

_FIRST_AUDIT_PARAMETER = 11

# Parameters: $1 token id, $2 hash of its secret, $3 client, $4 its version, null for our own, $5 salt, $6 key id,
# $7 successor id, $8 hash of the successor's secret, $9 now, $10 life of the successor; from $11 on the audit entry.
# Each row is looked up by the one before it. Joined in one go, a planner without statistics starts wherever an index is
# small, and every refresh walks all live sessions. What decides who wins is the condition of the UPDATE alone.
ROTATE = f"""
    WITH presented AS MATERIALIZED (
      SELECT grant_row_id FROM refresh_tokens
      WHERE id = $1 AND secret_hash = $2 AND rotated_at IS NULL AND expires_at > $9
      LIMIT 1
    ), subject AS MATERIALIZED (
      SELECT {SUBJECT}
      FROM presented
        CROSS JOIN LATERAL (SELECT * FROM grants WHERE id = presented.grant_row_id LIMIT 1) g
        CROSS JOIN LATERAL (SELECT * FROM sessions WHERE id = g.session_id LIMIT 1) s
        CROSS JOIN LATERAL (SELECT * FROM users WHERE id = g.user_id LIMIT 1) u
      WHERE g.client_id = $3 AND {LIVE.format(now="$9")}
        AND ($4::int IS NULL OR EXISTS (SELECT FROM oauth_clients WHERE client_id = $3 AND version = $4))
    ), claimed AS (
      UPDATE refresh_tokens t SET rotated_at = $9, salt = $5, key_id = $6, successor_id = $7
      FROM subject WHERE t.id = $1 AND t.rotated_at IS NULL
      RETURNING subject.*
    ), successor AS (
      INSERT INTO refresh_tokens (id, grant_row_id, secret_hash, created_at, expires_at)
      SELECT $7, grant_row_id, $8, $9::timestamptz, least($9::timestamptz + $10::interval, grant_expires_at)
      FROM claimed
      RETURNING expires_at
    ), renewed AS (
      UPDATE sessions SET renewed_at = $9, idle_expires_at = CASE
        WHEN idle_seconds IS NULL THEN (SELECT expires_at FROM successor)
        ELSE least($9::timestamptz + make_interval(secs => idle_seconds), expires_at) END
      WHERE id = (SELECT session_id FROM claimed)
    ), {
    recording_ctes(
        _FIRST_AUDIT_PARAMETER,
        source="claimed",
        columns={
            "actor_id": "claimed.sub",
            "subject": "claimed.sub",
            "details": "jsonb_build_object('sid', claimed.sid, 'grant_id', claimed.grant_id)",
        },
    )
}
    SELECT claimed.*, successor.expires_at AS successor_expires_at, {HELD.format(user_id="claimed.user_id")}
    FROM claimed, successor
    """  # noqa: S608 — built from constants; every value is a parameter

# The same for the tokens of many requests. Nothing waits for anybody: a token or session whose row somebody holds is
# passed over, as is whatever else is not to be spent, and each of those is then tried alone. So one lock is not
# everybody's wait, and no two statements wait for each other. Parameters: $1 a JSON list of objects with the fields
# below, bytes in hexadecimal, $2 now, $3 life of the successors. One row for each that was spent, with its `token_id`.
ROTATE_MANY = f"""
    WITH asked AS MATERIALIZED (
      SELECT * FROM json_to_recordset($1::text::json) AS asked
        (token_id uuid, secret_hash text, asking text, version int, salt text, key_id text, successor_id uuid,
         successor_hash text, entry_id uuid, ip text, user_agent text, trace_id text)
    ), presented AS MATERIALIZED (
      SELECT asked.*, t.grant_row_id AS of_grant FROM asked CROSS JOIN LATERAL (
        SELECT grant_row_id FROM refresh_tokens
        WHERE id = asked.token_id AND secret_hash = decode(asked.secret_hash, 'hex') AND rotated_at IS NULL
          AND expires_at > $2
        LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED) t
    ), subject AS MATERIALIZED (
      SELECT presented.*, {SUBJECT}
      FROM presented
        CROSS JOIN LATERAL (SELECT * FROM grants WHERE id = presented.of_grant LIMIT 1) g
        CROSS JOIN LATERAL (SELECT * FROM sessions WHERE id = g.session_id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED) s
        CROSS JOIN LATERAL (SELECT * FROM users WHERE id = g.user_id LIMIT 1) u
      WHERE g.client_id = presented.asking AND {LIVE.format(now="$2")}
        AND (presented.version IS NULL OR EXISTS (
          SELECT FROM oauth_clients WHERE client_id = presented.asking AND version = presented.version))
    ), claimed AS (
      UPDATE refresh_tokens t SET rotated_at = $2, salt = decode(subject.salt, 'hex'), key_id = subject.key_id,
        successor_id = subject.successor_id
      FROM subject WHERE t.id = subject.token_id AND t.rotated_at IS NULL
      RETURNING subject.*, least($2::timestamptz + $3::interval, subject.grant_expires_at) AS successor_expires_at
    ), successor AS (
      INSERT INTO refresh_tokens (id, grant_row_id, secret_hash, created_at, expires_at)
      SELECT successor_id, grant_row_id, decode(successor_hash, 'hex'), $2, successor_expires_at FROM claimed
    ), renewed AS (
      UPDATE sessions SET renewed_at = $2, idle_expires_at = CASE
        WHEN idle_seconds IS NULL THEN latest.token_expires_at
        ELSE least($2::timestamptz + make_interval(secs => idle_seconds), expires_at) END
      FROM (
        SELECT session_id, max(successor_expires_at) AS token_expires_at FROM claimed GROUP BY session_id
      ) latest
      WHERE id = latest.session_id
    ), {
    recording_all_ctes(
        source="claimed",
        columns={
            "id": "entry_id",
            "at": "$2",
            "type": f"'{TokenRefreshed.type}'",
            "outcome": f"'{TokenRefreshed.outcome.value}'",
            "actor_kind": f"'{ActorKind.USER.value}'",
            "actor_id": "sub",
            "subject": "sub",
            "ip": "ip",
            "user_agent": "user_agent",
            "trace_id": "trace_id",
            "details": "jsonb_build_object('sid', sid, 'grant_id', grant_id)",
        },
    )
}
    SELECT token_id, client_id, audience, scope, resource, browser_sid, claims, sid, grant_id, auth_time, amr, acr,
      session_expires_at, sub, email, email_verified, name, attributes, locale, updated_at, successor_expires_at,
      {HELD.format(user_id="claimed.user_id")}
    FROM claimed
    """  # noqa: S608 — built from constants; every value is a parameter
