"""The statements by which a code is redeemed."""

from app.audit.service import recording_ctes
from app.roles.holding import HELD_TEXT

_FIRST_AUDIT_PARAMETER = 18

# Parameters: $1 hash of the code, $2 asking client, $3 its version, $4 now, $5 redirect URI or null, $6 the challenge
# that the verifier answers or null, $7 whether it may refresh, $8 life of a refresh token, $9 life of a session of its
# own, $10 row id and $11 id of the grant, $12 id and $13 hash of the refresh token, $14 row id and $15 sid of a session
# of its own, $16 address, $17 user agent; from $18 on the audit entry.
# Whoever brings a code spends it, whether or not the rest fits: a thief has one guess. The answer is empty where it was
# spent before, is unknown, or the client is no longer what was read; its `sub` is null where something did not fit.
# A session of its own must not slip past a sign-out everywhere: that holds the user's row first and then ends what it
# finds, and so does this.
REDEEM = f"""
    WITH asking AS MATERIALIZED (
      SELECT client_id FROM oauth_clients WHERE client_id = $2 AND version = $3 AND disabled_at IS NULL
    ), claimed AS (
      UPDATE authorization_codes SET consumed_at = $4::timestamptz, grant_row_id = $10
      WHERE code_hash = $1 AND consumed_at IS NULL AND EXISTS (SELECT FROM asking)
      RETURNING *
    ), holder AS MATERIALIZED (
      SELECT u.id FROM claimed
        CROSS JOIN LATERAL (SELECT id FROM users WHERE id = claimed.user_id LIMIT 1 FOR SHARE) u
      WHERE claimed.offline AND $7::boolean
    ), subject AS MATERIALIZED (
      SELECT claimed.client_id, claimed.audience, claimed.scope, claimed.resource, claimed.claims,
        claimed.offline AND $7::boolean AS offline,
        s.id AS session_id, s.sid AS browser_sid, s.auth_time, s.amr, s.acr, s.expires_at AS session_expires_at,
        u.id AS user_id, u.sub, u.email, u.email_verified_at IS NOT NULL AS email_verified, u.name, u.attributes,
        u.locale, u.updated_at
      FROM claimed LEFT JOIN holder ON true
        CROSS JOIN LATERAL (SELECT * FROM sessions WHERE id = claimed.session_id LIMIT 1 FOR SHARE) s
        CROSS JOIN LATERAL (SELECT * FROM users WHERE id = claimed.user_id LIMIT 1) u
      WHERE claimed.client_id = $2 AND claimed.expires_at > $4 AND claimed.challenge IS NOT DISTINCT FROM $6::text
        AND coalesce(claimed.redirect_uri = $5::text, NOT claimed.redirect_uri_given)
        AND u.status = 'active' AND s.ended_at IS NULL AND s.expires_at > $4 AND s.idle_expires_at > $4
    ), own_session AS (
      INSERT INTO sessions (id, sid, user_id, auth_time, amr, acr, ip, user_agent, created_at, renewed_at,
        idle_expires_at, expires_at)
      SELECT $14, $15, user_id, auth_time, amr, acr, $16, $17, $4, $4,
        $4 + least($8::interval, $9::interval), $4 + $9::interval
      FROM subject WHERE offline RETURNING id, sid, expires_at
    ), granted AS (
      INSERT INTO grants (id, grant_id, session_id, user_id, client_id, audience, scope, created_at, expires_at,
        browser_sid, resource, claims)
      SELECT $10, $11, coalesce(o.id, subject.session_id), user_id, client_id, audience, scope, $4,
        coalesce(o.expires_at, session_expires_at), subject.browser_sid, resource, claims
      FROM subject LEFT JOIN own_session o ON true
      RETURNING id, grant_id, session_id, expires_at
    ), first_token AS (
      INSERT INTO refresh_tokens (id, grant_row_id, secret_hash, created_at, expires_at)
      SELECT $12, id, $13, $4, least($4 + $8::interval, expires_at) FROM granted WHERE $7::boolean
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
            "details": "jsonb_build_object('sid', redeemed.sid, 'grant_id', redeemed.grant_id, "
            "'audience', redeemed.audience, 'scope', redeemed.scope, 'offline', redeemed.offline)",
        },
    )
}
    SELECT claimed.nonce, claimed.client_id AS issued_to, claimed.expires_at > $4 AS in_time,
      claimed.challenge IS NOT DISTINCT FROM $6 AS verified,
      coalesce(claimed.redirect_uri = $5, NOT claimed.redirect_uri_given) AS same_place,
      redeemed.sub, redeemed.client_id, redeemed.audience, redeemed.scope, redeemed.resource, redeemed.browser_sid,
      redeemed.claims::text AS claims, redeemed.sid, redeemed.grant_id, redeemed.grant_row_id, redeemed.auth_time,
      array_to_json(redeemed.amr)::text AS amr, redeemed.acr, redeemed.grant_expires_at AS session_expires_at,
      redeemed.email, redeemed.email_verified, redeemed.name, redeemed.attributes, redeemed.locale,
      redeemed.updated_at, redeemed.successor_expires_at,
      CASE WHEN redeemed.sub IS NOT NULL THEN {HELD_TEXT.format(user_id="redeemed.user_id")} END
        AS held
    FROM claimed LEFT JOIN redeemed ON true
    """  # noqa: S608 — built from constants; every value is a parameter

# Why a code could not be claimed. Parameters: $1 hash of the code, $2 asking client, $3 its version.
JUDGE_CODE = """
    SELECT c.client_id, c.user_id, c.consumed_at IS NOT NULL AS spent, c.grant_row_id,
      (SELECT sub FROM users u WHERE u.id = c.user_id) AS sub,
      EXISTS (SELECT FROM oauth_clients WHERE client_id = $2 AND version = $3 AND disabled_at IS NULL) AS current
    FROM (SELECT 1) one LEFT JOIN authorization_codes c ON c.code_hash = $1
    """
