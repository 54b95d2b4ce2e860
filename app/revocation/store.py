"""Statements on the registry."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from app.foundation.db import Transaction
from app.revocation.kinds import RevocationKind

_ADD = text(
    """
    WITH added AS (
      INSERT INTO revocations (id, kind, target, audience, at, expires_at, reason, created_at)
      SELECT CAST(pair ->> 0 AS uuid), :kind, pair ->> 1, :audience, :at, :expires_at, :reason, :created_at
      FROM json_array_elements(CAST(:rows AS json)) AS pair
    )
    SELECT epoch FROM revocation_feed
    """
)

_LATEST = text("SELECT max(at) FROM revocations WHERE kind = :kind AND target = :target")


async def latest(tx: Transaction, kind: RevocationKind, target: str) -> datetime | None:
    """The moment of the latest revocation of that, if there is one."""
    at: datetime | None = await tx.scalar(_LATEST, {"kind": kind.value, "target": target})
    return at


async def add(
    tx: Transaction,
    rows: str,
    *,
    kind: RevocationKind,
    audience: str | None,
    at: datetime,
    expires_at: datetime,
    reason: str,
    created_at: datetime,
) -> UUID | None:
    """Insert revocations of one kind, and return the feed's epoch, None where nothing was published yet.

    `rows` is a JSON array of pairs of row id and target.
    """
    parameters = {
        "rows": rows,
        "kind": kind.value,
        "audience": audience,
        "at": at,
        "expires_at": expires_at,
        "reason": reason,
        "created_at": created_at,
    }
    epoch: UUID | None = await tx.scalar(_ADD, parameters)
    return epoch
