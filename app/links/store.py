"""Statements on the table of links."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, delete, select, text, update
from sqlalchemy.dialects.postgresql import insert

from app.foundation.db import Transaction
from app.foundation.secrets import SecretHash
from app.links.models import ONE_OF_A_KIND, LinkRow

Found = Row[UUID, str, UUID, str | None, datetime]

_COLUMNS = (LinkRow.id, LinkRow.kind, LinkRow.user_id, LinkRow.email, LinkRow.created_at)


async def put(tx: Transaction, row: Mapping[str, Any]) -> None:
    """Write a link. It takes the place of the user's former one of its kind, used or not, save for `wasnt_me`."""
    statement = insert(LinkRow).values(**row, used_at=None)
    replaced = {name: statement.excluded[name] for name in (*row, "used_at") if name not in ("user_id", "kind")}
    await tx.execute(
        statement.on_conflict_do_update(
            index_elements=[LinkRow.user_id, LinkRow.kind], index_where=text(ONE_OF_A_KIND), set_=replaced
        )
    )


async def find(tx: Transaction, token_hash: SecretHash, kinds: Collection[str], *, now: datetime) -> Found | None:
    """The link of these kinds that can be spent by this token."""
    return (await tx.execute(select(*_COLUMNS).where(*_usable(token_hash, kinds, now)))).first()


async def claim(tx: Transaction, token_hash: SecretHash, kinds: Collection[str], *, now: datetime) -> Found | None:
    """Spend the link of these kinds by its token; None where it cannot be spent (any more)."""
    statement = update(LinkRow).where(*_usable(token_hash, kinds, now)).values(used_at=now)
    return (await tx.execute(statement.returning(*_COLUMNS))).first()


async def end(tx: Transaction, user_id: UUID, kinds: Collection[str], *, now: datetime) -> None:
    """Take every link of a user of these kinds for spent."""
    condition = (LinkRow.user_id == user_id, LinkRow.kind.in_(kinds), LinkRow.used_at.is_(None))
    await tx.execute(update(LinkRow).where(*condition).values(used_at=now))


async def remove(tx: Transaction, user_id: UUID) -> None:
    """Delete every link of a user."""
    await tx.execute(delete(LinkRow).where(LinkRow.user_id == user_id))


def _usable(token_hash: SecretHash, kinds: Collection[str], now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        LinkRow.token_hash == token_hash,
        LinkRow.kind.in_(kinds),
        LinkRow.used_at.is_(None),
        LinkRow.expires_at > now,
    )
