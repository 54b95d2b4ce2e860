"""Statements on the tables of clients."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, insert, select, update

from app.audit.service import COLUMNS
from app.clients.models import ClientSecret, OAuthClient
from app.foundation.db import Transaction
from app.foundation.secrets import SecretHash
from app.revocation.entries import ENDED

# All that authentication and tokens need of a client, as one JSON text. Parameters: $1 client id.
KNOWN = """
    SELECT json_build_object(
      'client_id', c.client_id, 'name', c.name, 'audience', c.audience, 'scopes', c.scopes,
      'enabled', c.disabled_at IS NULL, 'version', c.version, 'grant_types', c.grant_types,
      'redirect_uris', c.redirect_uris,
      'auth_method', c.token_endpoint_auth_method, 'targets', c.targets, 'jwks', c.jwks,
      'jwks_uri', c.jwks_uri, 'metadata', c.client_metadata,
      'logo', (SELECT l.digest FROM client_logos l
        WHERE l.client_id = c.client_id AND l.source = c.client_metadata ->> 'logo_uri'),
      'tokens_not_before', extract(epoch FROM c.tokens_not_before),
      'secrets', (SELECT coalesce(json_agg(json_build_array(encode(s.secret_hash, 'hex'),
        extract(epoch FROM s.expires_at)) ORDER BY s.id), '[]') FROM client_secrets s WHERE s.client_row_id = c.id)
    )::text AS known
    FROM oauth_clients c WHERE c.client_id = $1
    """

# Whether a token of a client's own still counts. Parameters: $1 client id, $2 when it was issued (NumericDate), $3 jti,
# $4 aud.
INSPECT = f"""
    SELECT name FROM oauth_clients
    WHERE client_id = $1 AND disabled_at IS NULL
      AND (tokens_not_before IS NULL OR tokens_not_before <= to_timestamp($2::float8))
      AND NOT ({ENDED.format(jti="$3", aud="$4", iat="$2")})
    """  # noqa: S608 — built from constants; every value is a parameter

# Spends a signed statement: a row only for the first. Parameters: $1 client id, $2 hash of its jti, $3 its end.
SPEND_ASSERTION = """
    INSERT INTO spent_client_assertions (client_id, jti_hash, expires_at) VALUES ($1, $2, $3)
    ON CONFLICT DO NOTHING RETURNING client_id
    """

# Records what clients were given, many at once, for each client that still is as it was judged; tells for which. Not
# what an entry that ends its audience's tokens would match.
# Parameters: $1 a JSON list of objects with the fields below, $2 type of the entries.
RECORD_ISSUED = f"""
    WITH asked AS (
      SELECT * FROM json_to_recordset($1::text::json) AS a
        (id uuid, at timestamptz, client text, version int, ip text, user_agent text, trace_id text, issued_at bigint,
         details jsonb)
    ), granted AS (
      SELECT asked.* FROM asked JOIN oauth_clients c ON c.client_id = asked.client
      WHERE c.version = asked.version AND c.disabled_at IS NULL AND NOT EXISTS (
        SELECT FROM revocations r WHERE r.kind = 'aud' AND r.target = asked.details ->> 'audience'
          AND r.at > to_timestamp(asked.issued_at))
    ), recorded AS (
      INSERT INTO audit_entries ({COLUMNS})
      SELECT id, at, $2, 'success', 'client', client, client, ip, user_agent, trace_id, details FROM granted
      RETURNING id, type, subject, at, details
    ), announced AS (
      INSERT INTO events (id, type, subject, created_at, payload)
      SELECT id, type, subject, at, details FROM recorded
    )
    SELECT string_agg(id::text, ' ') AS granted FROM granted
    """  # noqa: S608 — built from constants; every value is a parameter


async def add(tx: Transaction, values: dict[str, Any]) -> None:
    """Write a new client."""
    await tx.execute(insert(OAuthClient).values(values))


async def change(tx: Transaction, client_row_id: UUID, values: dict[str, Any]) -> None:
    """Give a client other values and the next version."""
    statement = update(OAuthClient).where(OAuthClient.id == client_row_id)
    await tx.execute(statement.values(version=OAuthClient.version + 1, **values))


async def remove(tx: Transaction, client_row_id: UUID) -> None:
    """Remove a client with its secrets."""
    await tx.execute(delete(OAuthClient).where(OAuthClient.id == client_row_id))


async def add_secret(
    tx: Transaction, secret_id: UUID, *, client_row_id: UUID, secret_hash: SecretHash, now: datetime
) -> None:
    """Give a client a further secret."""
    values = {"id": secret_id, "client_row_id": client_row_id, "secret_hash": secret_hash, "created_at": now}
    await tx.execute(insert(ClientSecret).values(values))


async def expire_secrets(tx: Transaction, client_row_id: UUID, *, now: datetime, at: datetime) -> None:
    """Let the secrets that a client has count no longer than until then, and forget those that count no more."""
    mine = ClientSecret.client_row_id == client_row_id
    await tx.execute(delete(ClientSecret).where(mine, ClientSecret.expires_at <= now))
    later = ClientSecret.expires_at.is_(None) | (ClientSecret.expires_at > at)
    await tx.execute(update(ClientSecret).where(mine, later).values(expires_at=at))


async def find(tx: Transaction, client_id: str, *, lock: bool = False) -> Row[Any] | None:
    """The row of a client; with `lock`, changes of it take turns until the transaction ends."""
    statement = select(OAuthClient.__table__).where(OAuthClient.client_id == client_id)
    return (await tx.execute(statement.with_for_update() if lock else statement)).first()


async def list_after(tx: Transaction, *, after: UUID | None, limit: int) -> Sequence[Row[Any]]:
    """Clients in the order in which they were made."""
    statement = select(OAuthClient.__table__).order_by(OAuthClient.id).limit(limit)
    return (await tx.execute(statement if after is None else statement.where(OAuthClient.id > after))).all()


async def has_lasting_secret(tx: Transaction, client_row_id: UUID, secret_hash: SecretHash) -> bool:
    """Whether this is a secret of a client that no rotation has given an end."""
    statement = select(ClientSecret.id).where(
        ClientSecret.client_row_id == client_row_id,
        ClientSecret.secret_hash == secret_hash,
        ClientSecret.expires_at.is_(None),
    )
    return await tx.scalar(statement) is not None
