"""A session as lists show it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedSession:
    """A session as its owner sees it. `sid` is for comparison and is not shown.

    `ended_at` is None for one that lives, or that was left to expire. `acts_for` is the `sub` of the user in whose name
    an administrator acts in it; it is listed under the administrator.
    """

    id: UUID
    sid: str
    created_at: datetime
    renewed_at: datetime
    auth_time: datetime
    expires_at: datetime
    amr: tuple[str, ...]
    acr: str
    ip: str | None
    user_agent: str | None
    ended_at: datetime | None = None
    end_reason: str | None = None
    acts_for: str | None = None


def listed(row: Row[Any]) -> ListedSession:
    """The session in a row of the table, with whom it acts for."""
    return ListedSession(
        id=row.id,
        sid=row.sid,
        created_at=row.created_at,
        renewed_at=row.renewed_at,
        auth_time=row.auth_time,
        expires_at=min(row.expires_at, row.idle_expires_at),
        amr=tuple(row.amr),
        acr=row.acr,
        ip=row.ip,
        user_agent=row.user_agent,
        ended_at=row.ended_at,
        end_reason=row.end_reason,
        acts_for=row.acts_for,
    )
