"""Statements on the table of what configurations have made."""

from datetime import datetime

from sqlalchemy import delete, insert, select, text

from app.admin.configuration.models import ConfiguredThing
from app.foundation.db import Transaction


async def lock(tx: Transaction) -> None:
    """Let configurations be applied one after another."""
    await tx.execute(text("SELECT pg_advisory_xact_lock(hashtext('configuration'))"))


async def owned(tx: Transaction, kind: str) -> set[str]:
    """The names of what configurations have made of a kind."""
    return set(await tx.scalars(select(ConfiguredThing.name).where(ConfiguredThing.kind == kind)))


async def own(tx: Transaction, kind: str, name: str, now: datetime) -> None:
    """Mark a thing as made by a configuration."""
    await tx.execute(insert(ConfiguredThing).values(kind=kind, name=name, created_at=now))


async def disown(tx: Transaction, kind: str, name: str) -> None:
    """Take the mark away, with the thing or because it is gone."""
    is_it = (ConfiguredThing.kind == kind) & (ConfiguredThing.name == name)
    await tx.execute(delete(ConfiguredThing).where(is_it))
