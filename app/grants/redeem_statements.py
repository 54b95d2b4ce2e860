"""The statements by which a code is redeemed."""

from app.audit.event import ActorKind
from app.audit.service import recording_all_ctes, recording_ctes
from app.grants.events import CodeRedeemed
from app.roles.holding import HELD_TEXT

_FIRST_AUDIT_PARAMETER = 18
_DETAILS = (
    "jsonb_build_object('sid', {source}.sid, 'grant_id', {source}.grant_id, 'audience', {source}.audience, "
    "'scope', {source}.scope, 'offline', {source}.offline)"
)

# Parameters: $1 hash of the code, $2 asking client, $3 its version, $4 redirect URI or null, $5 the challenge that the
# verifier answers or null, $6 whether it may refresh, $7 row id and $8 id of the grant, $9 id and $10 hash of the
# refresh token, $11 row id and $12 sid of a session of its own, $13 address, $14 user agent, $15 now, $16 life of a
# refresh token, $17 life of a session of its own; from $18 on the audit entry.
# Whoever brings a code spends it, whether or not the rest fits: a thief has one guess. The answer is empty where it was
# spent before, is unknown, the client is no longer what was read, or its person's rights are changing: then nothing is
# spent. Its `sub` is null where something did not fit.
# Nothing that is opened here slips past whoever ends or replaces everything of a person: they hold the user's row, and
# so does this before it writes. What it reads beside that row is of the moment at which it began, so it goes on only
# where no right was taken away since: `rights_version` says so.
REDEEM = f"""
    WITH asking AS MATERIALIZED (
      SELECT client_id FROM oauth_clients WHERE client_id = $2 AND version = $3 AND disabled_at IS NULL
    ), holder AS MATERIALIZED (
      SELECT c.user_id FROM authorization_codes c
        CROSS JOIN LATERAL (SELECT rights_version FROM users WHERE id = c.user_id LIMIT 1 FOR SHARE) held
        CROSS JOIN LATERAL (SELECT rights_version FROM users WHERE id = c.user_id LIMIT 1) seen
      WHERE c.code_hash = $1 AND c.consumed_at IS NULL AND held.rights_version = seen.rights_version
    ), claimed AS (
      UPDATE authorization_codes SET consumed_at = $15::timestamptz, grant_row_id = $7
      WHERE code_hash = $1 AND consumed_at IS NULL AND EXISTS (SELECT FROM asking) AND EXISTS (SELECT FROM holder)
      RETURNING *
    ), subject AS MATERIALIZED (
      SELECT claimed.client_id, claimed.audience, claimed.scope, claimed.resource, claimed.claims,
        claimed.offline AND $6::boolean AS offline,
        s.id AS session_id, s.sid AS browser_sid, s.auth_time, s.amr, s.acr, s.expires_at AS session_expires_at,
        u.id AS user_id, u.sub, u.email, u.email_verified_at IS NOT NULL AS email_verified, u.name, u.attributes,
        u.locale, u.updated_at
      FROM claimed
        CROSS JOIN LATERAL (SELECT * FROM sessions WHERE id = claimed.session_id LIMIT 1 FOR SHARE) s
        CROSS JOIN LATERAL (SELECT * FROM users WHERE id = claimed.user_id LIMIT 1) u
      WHERE claimed.client_id = $2 AND claimed.expires_at > $15 AND claimed.challenge IS NOT DISTINCT FROM $5::text
        AND coalesce(claimed.redirect_uri = $4::text, NOT claimed.redirect_uri_given)
        AND u.status = 'active' AND s.ended_at IS NULL AND s.expires_at > $15 AND s.idle_expires_at > $15
    ), own_session AS (
      INSERT INTO sessions (id, sid, user_id, auth_time, amr, acr, ip, user_agent, created_at, renewed_at,
        idle_expires_at, expires_at)
      SELECT $11, $12, user_id, auth_time, amr, acr, $13, $14, $15, $15,
        $15 + least($16::interval, $17::interval), $15 + $17::interval
      FROM subject WHERE offline RETURNING id, sid, expires_at
    ), granted AS (
      INSERT INTO grants (id, grant_id, session_id, user_id, client_id, audience, scope, created_at, expires_at,
        browser_sid, resource, claims)
      SELECT $7, $8, coalesce(o.id, subject.session_id), user_id, client_id, audience, scope, $15,
        coalesce(o.expires_at, session_expires_at), subject.browser_sid, resource, claims
      FROM subject LEFT JOIN own_session o ON true
      RETURNING id, grant_id, session_id, expires_at
    ), first_token AS (
      INSERT INTO refresh_tokens (id, grant_row_id, secret_hash, created_at, expires_at)
      SELECT $9, id, $10, $15, least($15 + $16::interval, expires_at) FROM granted WHERE $6::boolean
      RETURNING expires_at
    ), redeemed AS (
      SELECT subject.*, granted.id AS grant_row_id, granted.grant_id, granted.session_id AS own_session_id,
        coalesce(o.sid, subject.browser_sid) AS sid, granted.expires_at AS grant_expires_at,
        (SELECT expires_at FROM first_token) AS successor_expires_at
      FROM subject CROSS JOIN granted LEFT JOIN own_session o ON true
    ), {
    recording_ctes(
        _FIRST_AUDIT_PARAMETER,
        source="redeemed",
        columns={
            "subject": "redeemed.sub",
            "details": _DETAILS.format(source="redeemed"),
        },
    )
}
    SELECT claimed.nonce, claimed.client_id AS issued_to, claimed.expires_at > $15 AS in_time,
      claimed.challenge IS NOT DISTINCT FROM $5 AS verified,
      coalesce(claimed.redirect_uri = $4, NOT claimed.redirect_uri_given) AS same_place,
      redeemed.sub, redeemed.client_id, redeemed.audience, redeemed.scope, redeemed.resource, redeemed.browser_sid,
      redeemed.claims::text AS claims, redeemed.sid, redeemed.grant_id, redeemed.grant_row_id, redeemed.auth_time,
      array_to_json(redeemed.amr)::text AS amr, redeemed.acr, redeemed.grant_expires_at AS session_expires_at,
      redeemed.email, redeemed.email_verified, redeemed.name, redeemed.attributes, redeemed.locale,
      redeemed.updated_at, redeemed.successor_expires_at,
      CASE WHEN redeemed.sub IS NOT NULL THEN {HELD_TEXT.format(user_id="redeemed.user_id")} END
        AS held
    FROM claimed LEFT JOIN redeemed ON true
    """  # noqa: S608 — built from constants; every value is a parameter

# The same for the codes of many requests. Nothing waits for anybody: a code, session or user whose row somebody holds
# is passed over, as is a code with which something does not fit, and each of those is then brought alone. So one lock
# is not everybody's wait, and no two statements wait for each other. Parameters: $1 a JSON list of objects with the
# fields below, bytes in hexadecimal, $2 now, $3 life of a refresh token, $4 life of a session of its own. One row for
# each that was redeemed, with its `code_hash`.
REDEEM_MANY = f"""
    WITH asked AS MATERIALIZED (
      SELECT * FROM json_to_recordset($1::text::json) AS asked
        (code_hash text, asking text, version int, redirect_uri text, challenge text, may_refresh boolean,
         grant_row_id uuid, grant_id text, token_id uuid, token_hash text, own_session_id uuid, own_sid text,
         entry_id uuid, ip text, user_agent text, trace_id text)
    ), fitting AS MATERIALIZED (
      SELECT asked.*, c.* FROM asked CROSS JOIN LATERAL (
        SELECT id AS code_id, session_id AS of_session, user_id AS of_user, nonce, scope, audience, resource, claims,
          offline AND asked.may_refresh AS offline
        FROM authorization_codes
        WHERE code_hash = decode(asked.code_hash, 'hex') AND consumed_at IS NULL AND expires_at > $2
          AND client_id = asked.asking AND challenge IS NOT DISTINCT FROM asked.challenge
          AND coalesce(redirect_uri = asked.redirect_uri, NOT redirect_uri_given)
        LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED) c
      WHERE EXISTS (
        SELECT FROM oauth_clients
        WHERE client_id = asked.asking AND version = asked.version AND disabled_at IS NULL)
    ), subject AS MATERIALIZED (
      SELECT fitting.*, u.id AS user_id, u.sub, u.email, u.email_verified_at IS NOT NULL AS email_verified, u.name,
        u.attributes, u.locale, u.updated_at, s.sid AS browser_sid, s.auth_time, s.amr, s.acr,
        CASE WHEN offline THEN own_session_id ELSE s.id END AS session_id,
        CASE WHEN offline THEN own_sid ELSE s.sid END AS sid,
        CASE WHEN offline THEN $2::timestamptz + $4::interval ELSE s.expires_at END AS session_expires_at
      FROM fitting
        CROSS JOIN LATERAL (
          SELECT rights_version FROM users WHERE id = fitting.of_user LIMIT 1 FOR SHARE SKIP LOCKED) held
        CROSS JOIN LATERAL (SELECT * FROM sessions WHERE id = fitting.of_session LIMIT 1 FOR SHARE SKIP LOCKED) s
        CROSS JOIN LATERAL (SELECT * FROM users WHERE id = fitting.of_user LIMIT 1) u
      WHERE held.rights_version = u.rights_version AND u.status = 'active' AND s.ended_at IS NULL
        AND s.expires_at > $2 AND s.idle_expires_at > $2
    ), claimed AS (
      UPDATE authorization_codes c SET consumed_at = $2, grant_row_id = subject.grant_row_id
      FROM subject WHERE c.id = subject.code_id AND c.consumed_at IS NULL
      RETURNING subject.*, CASE WHEN subject.may_refresh
        THEN least($2::timestamptz + $3::interval, subject.session_expires_at) END AS successor_expires_at
    ), own_session AS (
      INSERT INTO sessions (id, sid, user_id, auth_time, amr, acr, ip, user_agent, created_at, renewed_at,
        idle_expires_at, expires_at)
      SELECT session_id, sid, user_id, auth_time, amr, acr, ip, user_agent, $2, $2,
        $2::timestamptz + least($3::interval, $4::interval), session_expires_at
      FROM claimed WHERE offline
    ), granted AS (
      INSERT INTO grants (id, grant_id, session_id, user_id, client_id, audience, scope, created_at, expires_at,
        browser_sid, resource, claims)
      SELECT grant_row_id, grant_id, session_id, user_id, asking, audience, scope, $2, session_expires_at,
        browser_sid, resource, claims
      FROM claimed
    ), first_token AS (
      INSERT INTO refresh_tokens (id, grant_row_id, secret_hash, created_at, expires_at)
      SELECT token_id, grant_row_id, decode(token_hash, 'hex'), $2, successor_expires_at FROM claimed WHERE may_refresh
    ), {
    recording_all_ctes(
        source="claimed",
        columns={
            "id": "entry_id",
            "at": "$2",
            "type": f"'{CodeRedeemed.type}'",
            "outcome": f"'{CodeRedeemed.outcome.value}'",
            "actor_kind": f"'{ActorKind.CLIENT.value}'",
            "actor_id": "asking",
            "subject": "sub",
            "ip": "ip",
            "user_agent": "user_agent",
            "trace_id": "trace_id",
            "details": _DETAILS.format(source="claimed"),
        },
    )
}
    SELECT decode(code_hash, 'hex') AS code_hash, nonce, sub, asking AS client_id, audience, scope, resource,
      browser_sid, claims::text AS claims, sid, grant_id, grant_row_id, auth_time, array_to_json(amr)::text AS amr,
      acr, session_expires_at, email, email_verified, name, attributes, locale, updated_at, successor_expires_at,
      {HELD_TEXT.format(user_id="claimed.user_id")} AS held
    FROM claimed
    """  # noqa: S608 — built from constants; every value is a parameter

# Why a code could not be claimed. Parameters: $1 hash of the code, $2 asking client, $3 its version.
JUDGE_CODE = """
    SELECT c.client_id, c.user_id, c.consumed_at IS NOT NULL AS spent, c.grant_row_id,
      (SELECT sub FROM users u WHERE u.id = c.user_id) AS sub,
      EXISTS (SELECT FROM oauth_clients WHERE client_id = $2 AND version = $3 AND disabled_at IS NULL) AS current
    FROM (SELECT 1) one LEFT JOIN authorization_codes c ON c.code_hash = $1
    """
