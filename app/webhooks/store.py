"""Statements on endpoints and their secrets."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, func, insert, select, update

from app.foundation.db import Transaction
from app.webhooks.endpoint import Endpoint
from app.webhooks.errors import WebhookNotFound
from app.webhooks.models import WebhookEndpoint, WebhookSecret

_ENDPOINTS = WebhookEndpoint.__table__
_ALIVE = WebhookEndpoint.deleted_at.is_(None)


async def add(tx: Transaction, values: Mapping[str, Any]) -> Row[Any]:
    """Write a new endpoint."""
    row: Row[Any] = (await tx.execute(insert(WebhookEndpoint).values(**values).returning(_ENDPOINTS))).one()
    return row


async def count(tx: Transaction) -> int:
    """How many endpoints there are."""
    return int(await tx.scalar(select(func.count()).select_from(WebhookEndpoint).where(_ALIVE)) or 0)


async def get(tx: Transaction, endpoint_id: UUID, *, lock: bool = False) -> Endpoint:
    """An endpoint; with `lock`, changes of it and of its lanes take turns until the transaction ends.

    Raises WebhookNotFound.
    """
    statement = select(_ENDPOINTS).where(WebhookEndpoint.id == endpoint_id, _ALIVE)
    row = (await tx.execute(statement.with_for_update() if lock else statement)).first()
    if row is None:
        raise WebhookNotFound
    return Endpoint.of(row)


async def list_after(tx: Transaction, *, after: UUID | None, limit: int) -> Sequence[Row[Any]]:
    """Endpoints in the order in which they were made."""
    statement = select(_ENDPOINTS).where(_ALIVE).order_by(WebhookEndpoint.id).limit(limit)
    return (await tx.execute(statement if after is None else statement.where(WebhookEndpoint.id > after))).all()


async def change(tx: Transaction, endpoint_id: UUID, values: Mapping[str, Any]) -> Row[Any]:
    """Change an endpoint; its version grows."""
    statement = (
        update(WebhookEndpoint)
        .where(WebhookEndpoint.id == endpoint_id)
        .values(**values, version=WebhookEndpoint.version + 1)
    )
    row: Row[Any] = (await tx.execute(statement.returning(_ENDPOINTS))).one()
    return row


async def add_secret(tx: Transaction, secret_id: UUID, *, endpoint_id: UUID, sealed: bytes, now: datetime) -> None:
    """Give an endpoint a further secret."""
    values = {"id": secret_id, "endpoint_id": endpoint_id, "sealed": sealed, "created_at": now}
    await tx.execute(insert(WebhookSecret).values(values))


async def expire_secrets(tx: Transaction, endpoint_id: UUID, *, at: datetime, now: datetime) -> None:
    """Let the secrets that an endpoint has sign no longer than until then; those that were over go."""
    of_it = WebhookSecret.endpoint_id == endpoint_id
    await tx.execute(delete(WebhookSecret).where(of_it, WebhookSecret.expires_at <= now))
    later = WebhookSecret.expires_at.is_(None) | (WebhookSecret.expires_at > at)
    await tx.execute(update(WebhookSecret).where(of_it, later).values(expires_at=at))


async def remove_secrets(tx: Transaction, endpoint_id: UUID) -> None:
    """Forget the secrets of an endpoint."""
    await tx.execute(delete(WebhookSecret).where(WebhookSecret.endpoint_id == endpoint_id))


async def live_secrets(
    tx: Transaction, endpoint_ids: Sequence[UUID], *, now: datetime
) -> Sequence[Row[UUID, UUID, bytes]]:
    """The secrets that sign for these endpoints, the newest first."""
    statement = (
        select(WebhookSecret.id, WebhookSecret.endpoint_id, WebhookSecret.sealed)
        .where(
            WebhookSecret.endpoint_id.in_(endpoint_ids),
            WebhookSecret.expires_at.is_(None) | (WebhookSecret.expires_at > now),
        )
        .order_by(WebhookSecret.id.desc())
    )
    return (await tx.execute(statement)).all()
