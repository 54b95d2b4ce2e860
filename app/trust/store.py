"""Statements on the table of trusted browsers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, select, text, update

from app.foundation.db import Transaction
from app.foundation.secrets import SecretHash
from app.trust.browser import ListedBrowser
from app.trust.models import TrustedBrowser
from app.users.models import User

MOST_OF_A_USER = 20
"""How many browsers one user trusts at most; the oldest goes for a new one."""

# The cookie is a new one each time. What others have trusted in the same browser goes over to it.
_ADD = text(
    f"""
    WITH moved AS (
      UPDATE trusted_browsers SET token_hash = :token_hash
      WHERE token_hash = CAST(:replaces AS bytea) AND user_id <> :user_id
    ), gone AS (
      DELETE FROM trusted_browsers WHERE user_id = :user_id AND (
        token_hash = CAST(:replaces AS bytea) OR credentials_version <> :credentials_version OR id IN (
          SELECT id FROM trusted_browsers WHERE user_id = :user_id ORDER BY id DESC OFFSET {MOST_OF_A_USER - 1}))
    )
    INSERT INTO trusted_browsers (id, user_id, token_hash, credentials_version, ip, user_agent, created_at, expires_at)
    VALUES (:id, :user_id, :token_hash, :credentials_version, :ip, :user_agent, :created_at, :expires_at)
    """  # noqa: S608 — built from a constant; the values are parameters
)


async def add(tx: Transaction, values: dict[str, Any]) -> None:
    """Keep a trusted browser. `replaces` is the hash of the cookie that the browser held, or None."""
    await tx.execute(_ADD, values)


async def use(
    tx: Transaction, token_hash: SecretHash, user_id: UUID, *, credentials_version: int, now: datetime, since: datetime
) -> UUID | None:
    """Note that a browser was recognized, and return its id; None where its user does not trust it."""
    statement = (
        update(TrustedBrowser)
        .where(
            TrustedBrowser.token_hash == token_hash,
            TrustedBrowser.user_id == user_id,
            TrustedBrowser.credentials_version == credentials_version,
            TrustedBrowser.expires_at > now,
            # A lifetime that was shortened since counts for those that were trusted before, too.
            TrustedBrowser.created_at > since,
        )
        .values(last_used_at=now)
        .returning(TrustedBrowser.id)
    )
    found: UUID | None = (await tx.execute(statement)).scalar_one_or_none()
    return found


async def list_of(tx: Transaction, user_id: UUID, *, now: datetime, since: datetime) -> Sequence[ListedBrowser]:
    """The browsers that a user trusts, newest first."""
    columns = [getattr(TrustedBrowser, name) for name in ListedBrowser.__slots__]
    statement = select(*columns).where(*_counts(user_id, now=now, since=since)).order_by(TrustedBrowser.id.desc())
    return [ListedBrowser(**row._asdict()) for row in await tx.execute(statement)]


async def remove(
    tx: Transaction, user_id: UUID, browser_id: UUID | None, *, now: datetime, since: datetime
) -> list[UUID]:
    """Forget a browser of a user, or all of them; return those that were trusted still."""
    counts = select(TrustedBrowser.id).where(*_counts(user_id, now=now, since=since))
    trusted = set((await tx.execute(counts)).scalars())
    which = TrustedBrowser.id == browser_id if browser_id is not None else TrustedBrowser.user_id == user_id
    statement = delete(TrustedBrowser).where(TrustedBrowser.user_id == user_id, which).returning(TrustedBrowser.id)
    return [gone for gone in (await tx.execute(statement)).scalars() if gone in trusted]


async def forget(tx: Transaction, user_id: UUID) -> None:
    """Delete all that is kept of a user."""
    await tx.execute(delete(TrustedBrowser).where(TrustedBrowser.user_id == user_id))


def _counts(user_id: UUID, *, now: datetime, since: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        TrustedBrowser.user_id == user_id,
        User.id == user_id,
        TrustedBrowser.credentials_version == User.credentials_version,
        TrustedBrowser.expires_at > now,
        TrustedBrowser.created_at > since,
    )
