"""Statements on grants and refresh tokens."""

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
from pydantic_core import from_json
from sqlalchemy import select, text

from app.foundation.db import Transaction
from app.grants.access_token import FIRST_PARTY_CLIENT, TokenContext, TokenSubject
from app.grants.models import Grant
from app.revocation.entries import ENDED
from app.roles.holding import HELD, HELD_JSON
from app.roles.rules import Held
from app.sessions.models import Session
from app.users.models import User

# A grant that is written after everything of its audience was ended is of after that, also where `now` was read a
# moment before.
_ADD_GRANT = text(
    f"""
    WITH granted AS (
      INSERT INTO grants (id, grant_id, session_id, user_id, client_id, audience, scope, created_at, expires_at)
      VALUES (:grant_row_id, :grant_id, :session_id, :user_id, :client_id, :audience, :scope, greatest(:now,
        (SELECT grants_after + interval '1 microsecond' FROM audiences WHERE name = :audience)), :grant_expires_at)
      RETURNING id, user_id, created_at
    ), first_token AS (
      INSERT INTO refresh_tokens (id, grant_row_id, secret_hash, created_at, expires_at)
      SELECT :token_id, id, :secret_hash, created_at, :token_expires_at FROM granted
    )
    SELECT {HELD.format(user_id="granted.user_id")} FROM granted
    """  # noqa: S608 — built from constants; every value is a parameter
)

SUBJECT = """
      g.id AS grant_row_id, g.grant_id, g.client_id, g.audience, g.scope, g.expires_at AS grant_expires_at,
      g.resource, g.browser_sid, g.claims::text AS claims,
      s.id AS session_id, s.sid, s.auth_time, array_to_json(s.amr)::text AS amr, s.acr,
      s.expires_at AS session_expires_at,
      u.id AS user_id, u.sub, u.email, u.email_verified_at IS NOT NULL AS email_verified, u.name, u.attributes,
      u.locale, u.updated_at"""

# What makes a grant count at a moment: its session, its user, its client and itself. A client that was disabled, or
# whose tokens were ended, has lost what it was allowed before; so has everybody at an audience that was ended.
LIVE = f"""
      g.revoked_at IS NULL AND g.expires_at > {{now}} AND u.status = 'active'
      AND s.ended_at IS NULL AND s.expires_at > {{now}} AND s.idle_expires_at > {{now}}
      AND (g.client_id = '{FIRST_PARTY_CLIENT}' OR EXISTS (
        SELECT FROM oauth_clients c WHERE c.client_id = g.client_id AND c.disabled_at IS NULL
          AND (c.tokens_not_before IS NULL OR c.tokens_not_before <= g.created_at)))
      AND NOT EXISTS (SELECT FROM audiences a WHERE a.name = g.audience AND a.grants_after >= g.created_at)"""  # noqa: S608 — built from constants

# Everything needed to judge a token that could not be rotated. Parameters: $1 token id, $2 now.
JUDGE = f"""
    SELECT t.secret_hash, t.rotated_at, t.salt, t.key_id, t.successor_id, t.expires_at AS token_expires_at,
      t.created_at AS token_created_at,
      n.rotated_at IS NULL AS successor_unspent, n.expires_at AS successor_expires_at,
      {LIVE.format(now="$2")} AS live, {SUBJECT}, {HELD.format(user_id="u.id")}
    FROM refresh_tokens t JOIN grants g ON g.id = t.grant_row_id JOIN sessions s ON s.id = g.session_id
      JOIN users u ON u.id = g.user_id LEFT JOIN refresh_tokens n ON n.id = t.successor_id
    WHERE t.id = $1
    """  # noqa: S608 — built from constants; every value is a parameter

# Access tokens that many requests of one moment came with, each looked up by its session, grant and user, one by one as
# in ROTATE: those whose session and grant are live, and which nothing has ended by itself. Where a client asks that has
# to be confirmed, only if it still is of that version. Parameters: $1 a JSON list of objects with the fields below,
# `iat` as NumericDate, $2 now.
_ASKED = """
    WITH asked AS MATERIALIZED (
      SELECT * FROM json_to_recordset($1::text::json) AS asked
        (place int, sid text, grant_id text, sub text, jti text, aud text, iat bigint, asking text, version int)
    )"""
_LIVE_TOKENS = f"""
    FROM asked
      CROSS JOIN LATERAL (SELECT * FROM sessions WHERE sid = asked.sid LIMIT 1) s
      CROSS JOIN LATERAL (SELECT * FROM grants WHERE grant_id = asked.grant_id LIMIT 1) g
      CROSS JOIN LATERAL (SELECT * FROM users WHERE id = s.user_id LIMIT 1) u
    WHERE g.session_id = s.id AND u.sub = asked.sub AND {LIVE.format(now="$2")}
      AND NOT ({ENDED.format(jti="asked.jti", aud="asked.aud", iat="asked.iat")})
      AND (asked.asking IS NULL OR EXISTS (
        SELECT FROM oauth_clients a
        WHERE a.client_id = asked.asking AND a.version = asked.version AND a.disabled_at IS NULL))"""  # noqa: S608 — built from constants; every value is a parameter

# Which of them are live: a JSON list of the place of each, and what hangs together.
INSPECT = f"""{_ASKED}
    SELECT json_agg(json_build_array(asked.place, json_build_object(
      'session_id', s.id, 'user_id', u.id, 'auth_time', extract(epoch FROM s.auth_time), 'acr', s.acr
    )))::text {_LIVE_TOKENS}
    """  # noqa: S608 — built from constants; every value is a parameter

# All that clients may be told of the persons of those that are live, in the same form.
USERINFO = f"""{_ASKED}
    SELECT json_agg(json_build_array(asked.place, json_build_object(
      'sub', u.sub, 'email', u.email, 'email_verified', u.email_verified_at IS NOT NULL, 'name', u.name,
      'locale', u.locale, 'updated_at', extract(epoch FROM u.updated_at), 'attributes', u.attributes,
      'audience', g.audience, 'claims', g.claims, 'held', {HELD_JSON.format(user_id="u.id")},
      'mappings', (SELECT c.client_metadata -> 'claim_mappings' FROM oauth_clients c WHERE c.client_id = g.client_id)
    )))::text {_LIVE_TOKENS}
    """  # noqa: S608 — built from constants; every value is a parameter

# The session of a cookie, with its first-party grant. Parameters: $1 hash of the cookie, $2 client, $3 now.
BY_COOKIE = f"""
    SELECT s.idle_expires_at, s.idle_seconds, {SUBJECT}, {HELD.format(user_id="u.id")}
    FROM sessions s JOIN grants g ON g.session_id = s.id JOIN users u ON u.id = s.user_id
    WHERE s.cookie_hash = $1 AND g.client_id = $2 AND {LIVE.format(now="$3")}
    ORDER BY g.id DESC LIMIT 1
    """  # noqa: S608 — built from constants; every value is a parameter

# Of several requests at once, one moves the limit. Parameters: $1 session, $2 now, $3 the limit that was seen.
KEEP_AWAKE = """
    UPDATE sessions
    SET renewed_at = $2, idle_expires_at = least($2::timestamptz + make_interval(secs => idle_seconds), expires_at)
    WHERE id = $1 AND idle_expires_at = $3 AND ended_at IS NULL RETURNING id
    """

# All that an access token under a live grant is minted from. Parameters: $1 sid, $2 grant id, $3 sub, $4 now.
REISSUE = f"""
    SELECT {SUBJECT}, {HELD.format(user_id="u.id")}
    FROM sessions s JOIN grants g ON g.session_id = s.id JOIN users u ON u.id = s.user_id
    WHERE s.sid = $1 AND g.grant_id = $2 AND u.sub = $3 AND {LIVE.format(now="$4")}
    """  # noqa: S608 — built from constants; every value is a parameter


_RENAME = text(
    """
    UPDATE grants g SET grant_id = pair.value ->> 1 FROM json_array_elements(CAST(:pairs AS json)) pair
    WHERE g.id = (pair.value ->> 0)::uuid
    """
)


async def add_grant(tx: Transaction, values: Mapping[str, Any]) -> Held:
    """Insert a grant with its first refresh token; return what its user holds."""
    row = (await tx.execute(_ADD_GRANT, dict(values))).one()
    return Held.parse(row.held)


async def scope_of(tx: Transaction, grant_id: str) -> str | None:
    """The scope that a grant was asked for with."""
    scope: str | None = await tx.scalar(select(Grant.scope).where(Grant.grant_id == grant_id))
    return scope


class LiveGrant(NamedTuple):
    """A grant whose tokens may be out, with the session and the user that it belongs to."""

    id: UUID
    grant_id: str
    sid: str
    sub: str


async def live_grants_of(tx: Transaction, user_ids: Collection[UUID], *, now: datetime) -> list[LiveGrant]:
    """The grants of users that are not over, locked until the transaction ends.

    A session that was left unused for too long counts too: its access tokens may live a little longer.
    """
    statement = (
        select(Grant.id, Grant.grant_id, Session.sid, User.sub)
        .join(Session, Session.id == Grant.session_id)
        .join(User, User.id == Session.user_id)
        .where(
            Session.user_id.in_(user_ids),
            Session.ended_at.is_(None),
            Session.expires_at > now,
            Grant.revoked_at.is_(None),
            Grant.expires_at > now,
        )
        .order_by(Grant.id)
        .with_for_update(of=Grant.__table__)
    )
    return [LiveGrant(*row) for row in await tx.execute(statement)]


async def rename_grants(tx: Transaction, renamed: Collection[tuple[UUID, str]]) -> None:
    """Give grants, by row id, another `grant_id`."""
    pairs = json.dumps([[str(row_id), grant_id] for row_id, grant_id in renamed])
    await tx.execute(_RENAME, {"pairs": pairs})


def subject_of(row: asyncpg.Record, held: Held) -> TokenSubject:
    """The person in a row that selects the subject's columns."""
    return TokenSubject(
        sub=row["sub"],
        email=row["email"],
        email_verified=row["email_verified"],
        name=row["name"],
        attributes=from_json(row["attributes"]),
        groups=held.groups,
    )


def context_of(row: asyncpg.Record) -> TokenContext:
    """The sign-in and grant in a row that selects the subject's columns."""
    return TokenContext(
        sid=row["sid"],
        grant_id=row["grant_id"],
        client_id=row["client_id"],
        auth_time=row["auth_time"],
        amr=tuple(from_json(row["amr"])),
        acr=row["acr"],
        session_expires_at=row["session_expires_at"],
    )
