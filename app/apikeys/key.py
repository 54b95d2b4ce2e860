"""An API key as its owner and administrators see it."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from app.protocols import api_key
from app.users.user import UserStatus


class OwnerKind(StrEnum):
    """Who a key can belong to."""

    USER = "user"
    CLIENT = "client"


class KeyState(StrEnum):
    """Whether a key counts, and why not. One whose owner is suspended or disabled sleeps until they are not."""

    ACTIVE = "active"
    SLEEPING = "sleeping"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class APIKey:
    """A key without its secret. `id` is the part of it that may be shown; `audience` is a stored name.

    `owner` is the subject of a user or the id of a client; `successor_id` names the key that it was rotated to.
    """

    row_id: UUID
    name: str
    owner_kind: OwnerKind
    owner: str
    user_id: UUID | None
    audience: str
    scopes: tuple[str, ...]
    networks: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    revoke_reason: str | None
    successor_id: str | None
    state: KeyState

    @property
    def id(self) -> str:
        """What names the key, in its text and everywhere else."""
        return api_key.key_id_of(self.row_id)

    @property
    def prefix(self) -> str:
        """The beginning of the key's text, by which people find it again."""
        return f"{api_key.PREFIX}{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAPIKey:
    """A key that was just made, and its text, which is shown this once."""

    key: APIKey
    raw_key: str = field(repr=False)


def key_of(row: Row[Any], *, now: datetime) -> APIKey:
    """The key in a row of `store.page`."""
    is_users = row.user_id is not None
    return APIKey(
        row_id=row.id,
        name=row.name,
        owner_kind=OwnerKind.USER if is_users else OwnerKind.CLIENT,
        owner=(row.sub or "") if is_users else row.client_id,
        user_id=row.user_id,
        audience=row.audience,
        scopes=tuple(row.scopes),
        networks=tuple(row.networks),
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
        revoke_reason=row.revoke_reason,
        successor_id=None if row.replaced_by is None else api_key.key_id_of(row.replaced_by),
        state=_state(row, now),
    )


def _state(row: Row[Any], now: datetime) -> KeyState:
    if row.revoked_at is not None:
        return KeyState.REVOKED
    if row.expires_at is not None and row.expires_at <= now:
        return KeyState.EXPIRED
    if row.user_id is not None:
        return KeyState.ACTIVE if row.user_status == UserStatus.ACTIVE else KeyState.SLEEPING
    return KeyState.ACTIVE if row.client_disabled_at is None else KeyState.SLEEPING
