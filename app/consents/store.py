"""Statements on the table of consents."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, select, text

from app.consents.consent import Consent
from app.consents.models import StoredConsent
from app.foundation.db import Transaction

# One statement, so that of two answers at once neither takes back what the other allows.
_ADD = text(
    """
    INSERT INTO consents (user_id, client_id, scopes, claims, granted_at, updated_at)
    VALUES (:user_id, :client_id, CAST(:scopes AS text[]), CAST(:claims AS text[]), :now, :now)
    ON CONFLICT (user_id, client_id) DO UPDATE SET
      scopes = ARRAY(SELECT DISTINCT unnest(consents.scopes || excluded.scopes) ORDER BY 1),
      claims = ARRAY(SELECT DISTINCT unnest(consents.claims || excluded.claims) ORDER BY 1),
      updated_at = excluded.updated_at
    RETURNING client_id, scopes, claims, granted_at, updated_at
    """
)


async def add(
    tx: Transaction, user_id: UUID, client_id: str, *, scopes: Collection[str], claims: Collection[str], now: datetime
) -> Consent:
    """Add to what a user allows a client, and return all of it."""
    values = {"user_id": user_id, "client_id": client_id, "scopes": sorted(set(scopes)), "claims": sorted(set(claims))}
    return _consent((await tx.execute(_ADD, {**values, "now": now})).one())


async def find(tx: Transaction, user_id: UUID, client_id: str) -> Consent | None:
    """What a user allows a client."""
    condition = (StoredConsent.user_id == user_id, StoredConsent.client_id == client_id)
    row = (await tx.execute(select(StoredConsent.__table__).where(*condition))).first()
    return None if row is None else _consent(row)


async def list_of(tx: Transaction, user_id: UUID) -> list[Consent]:
    """All that a user allows, the oldest consent first."""
    statement = select(StoredConsent.__table__).where(StoredConsent.user_id == user_id)
    rows = await tx.execute(statement.order_by(StoredConsent.granted_at, StoredConsent.client_id))
    return [_consent(row) for row in rows]


async def remove(tx: Transaction, user_id: UUID, client_id: str) -> bool:
    """Delete one; False where there is none."""
    condition = (StoredConsent.user_id == user_id, StoredConsent.client_id == client_id)
    statement = delete(StoredConsent).where(*condition).returning(StoredConsent.client_id)
    return (await tx.execute(statement)).first() is not None


async def remove_all(tx: Transaction, user_id: UUID) -> None:
    """Delete every consent of a user."""
    await tx.execute(delete(StoredConsent).where(StoredConsent.user_id == user_id))


def _consent(row: Row[Any]) -> Consent:
    return Consent(
        client_id=row.client_id,
        scopes=frozenset(row.scopes),
        claims=frozenset(row.claims),
        granted_at=row.granted_at,
        updated_at=row.updated_at,
    )
