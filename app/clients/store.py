"""Statements on the tables of clients."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, insert, select, update

from app.clients.models import ClientSecret, OAuthClient
from app.foundation.db import Transaction
from app.foundation.secrets import SecretHash

# A client that may authenticate, with the hashes of its secrets that count, as one text. Parameters: $1 id, $2 now.
FIND_FOR_AUTHENTICATION = """
    SELECT c.client_id, c.name, c.audience, array_to_json(c.scopes)::text AS scopes, c.disabled_at IS NULL AS enabled,
      coalesce((SELECT string_agg(encode(s.secret_hash, 'hex'), ' ' ORDER BY s.id) FROM client_secrets s
        WHERE s.client_row_id = c.id AND (s.expires_at IS NULL OR s.expires_at > $2)), '') AS secret_hashes
    FROM oauth_clients c WHERE c.client_id = $1
    """


async def add(tx: Transaction, values: dict[str, Any]) -> None:
    """Write a new client."""
    await tx.execute(insert(OAuthClient).values(values))


async def add_secret(
    tx: Transaction, secret_id: UUID, *, client_row_id: UUID, secret_hash: SecretHash, now: datetime
) -> None:
    """Give a client a further secret."""
    values = {"id": secret_id, "client_row_id": client_row_id, "secret_hash": secret_hash, "created_at": now}
    await tx.execute(insert(ClientSecret).values(values))


async def expire_secrets(tx: Transaction, client_row_id: UUID, *, at: datetime) -> None:
    """Let the secrets that a client has count no longer than until then."""
    later = ClientSecret.expires_at.is_(None) | (ClientSecret.expires_at > at)
    await tx.execute(
        update(ClientSecret).where(ClientSecret.client_row_id == client_row_id, later).values(expires_at=at)
    )


async def find(tx: Transaction, client_id: str, *, lock: bool = False) -> Row[Any] | None:
    """The row of a client; with `lock`, changes of it take turns until the transaction ends."""
    statement = select(OAuthClient.__table__).where(OAuthClient.client_id == client_id)
    return (await tx.execute(statement.with_for_update() if lock else statement)).first()


async def list_after(tx: Transaction, *, after: UUID | None, limit: int) -> Sequence[Row[Any]]:
    """Clients in the order in which they were made."""
    statement = select(OAuthClient.__table__).order_by(OAuthClient.id).limit(limit)
    return (await tx.execute(statement if after is None else statement.where(OAuthClient.id > after))).all()


async def set_disabled(tx: Transaction, client_id: str, *, disabled_at: datetime | None, now: datetime) -> bool:
    """Disable or enable a client; False where nothing changed."""
    differs = OAuthClient.disabled_at.is_not(None) if disabled_at is None else OAuthClient.disabled_at.is_(None)
    statement = (
        update(OAuthClient)
        .where(OAuthClient.client_id == client_id, differs)
        .values(disabled_at=disabled_at, updated_at=now)
    )
    return (await tx.execute(statement.returning(OAuthClient.id))).first() is not None
