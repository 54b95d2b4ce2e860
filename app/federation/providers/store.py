"""Statements on the table of identity providers."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, delete, select, text, update
from sqlalchemy.dialects.postgresql import insert

from app.federation.providers.models import IdentityProvider
from app.foundation.db import Transaction

_TABLE = IdentityProvider.__table__

_AS_JSON = """json_build_object(
  'id', id, 'name', name, 'kind', kind, 'preset', preset, 'config', config, 'policy', policy, 'enabled', enabled,
  'version', version, 'sealed', encode(sealed_secret, 'base64'), 'created_at', created_at, 'updated_at', updated_at)"""

# Every provider as one JSON text, in one order, so that an unchanged registry is an equal text.
REGISTRY = f"SELECT coalesce(json_agg({_AS_JSON} ORDER BY created_at, id), '[]')::text FROM identity_providers"  # noqa: S608 — constants

ONE = f"SELECT {_AS_JSON}::text FROM identity_providers WHERE id = $1"  # noqa: S608 — constants


async def lock_registry(tx: Transaction) -> None:
    """Let changes of the registry take turns: a domain is one provider's, which no row's lock can hold."""
    await tx.execute(text("SELECT pg_advisory_xact_lock(hashtext('identity providers'))"))


async def add(tx: Transaction, values: Mapping[str, Any]) -> Row[Any] | None:
    """Write a new provider; None where its id is taken."""
    statement = insert(IdentityProvider).values(**values).on_conflict_do_nothing().returning(_TABLE)
    row: Row[Any] | None = (await tx.execute(statement)).first()
    return row


async def find(tx: Transaction, provider_id: str, *, lock: bool = False) -> Row[Any] | None:
    """The row of a provider; with `lock`, changes of it take turns until the transaction ends."""
    statement = select(_TABLE).where(IdentityProvider.id == provider_id)
    return (await tx.execute(statement.with_for_update() if lock else statement)).first()


async def list_all(tx: Transaction) -> Sequence[Row[Any]]:
    """Every provider, in the order in which they were made."""
    return (await tx.execute(select(_TABLE).order_by(IdentityProvider.created_at, IdentityProvider.id))).all()


async def change(tx: Transaction, provider_id: str, values: Mapping[str, Any]) -> Row[Any]:
    """Change a provider; its version grows."""
    statement = (
        update(IdentityProvider)
        .where(IdentityProvider.id == provider_id)
        .values(**values, version=IdentityProvider.version + 1)
    )
    row: Row[Any] = (await tx.execute(statement.returning(_TABLE))).one()
    return row


async def remove(tx: Transaction, provider_id: str) -> None:
    """Delete a provider with its secret."""
    await tx.execute(delete(IdentityProvider).where(IdentityProvider.id == provider_id))
