"""Statements on the table of flows."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update

from app.flows.models import FlowRow
from app.foundation.db import Transaction
from app.foundation.secrets import SecretHash

_COLUMNS = tuple(column for column in FlowRow.__table__.columns if column.name != "browser_hash")


async def put(tx: Transaction, row: Mapping[str, Any]) -> None:
    """Write a flow."""
    await tx.execute(insert(FlowRow).values(**row))


async def find(tx: Transaction, flow_id: str) -> Row[Any] | None:
    """A flow by its id, however it stands."""
    return (await tx.execute(select(*_COLUMNS).where(FlowRow.id == flow_id))).first()


async def take(tx: Transaction, flow_id: str, kind: str, browser_hash: SecretHash, *, now: datetime) -> Row[Any] | None:
    """Lock a pending flow of this browser until the transaction ends; who comes second waits and finds none."""
    statement = select(*_COLUMNS).where(
        FlowRow.id == flow_id,
        FlowRow.kind == kind,
        FlowRow.browser_hash == browser_hash,
        FlowRow.outcome == "pending",
        FlowRow.expires_at > now,
    )
    return (await tx.execute(statement.with_for_update())).first()


async def change(tx: Transaction, flow_id: str, values: Mapping[str, Any]) -> None:
    """Write how a pending flow stands now."""
    await tx.execute(update(FlowRow).where(FlowRow.id == flow_id, FlowRow.outcome == "pending").values(**values))
