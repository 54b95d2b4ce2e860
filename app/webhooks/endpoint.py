"""An endpoint, as the rest of the feature sees it."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import Row


class EndpointState(StrEnum):
    """Whether an endpoint is sent to: `paused` by us because it failed, `disabled` by its owners."""

    ACTIVE = "active"
    PAUSED = "paused"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Who is told of what, and how it fares."""

    id: UUID
    url: str
    description: str | None
    event_types: tuple[str, ...]
    disabled: bool
    version: int
    failures: int
    failing_since: datetime | None
    held_until: datetime | None
    paused_at: datetime | None
    paused_reason: str | None
    created_at: datetime
    updated_at: datetime

    @property
    def state(self) -> EndpointState:
        """Whether it is sent to."""
        if self.disabled:
            return EndpointState.DISABLED
        return EndpointState.ACTIVE if self.paused_at is None else EndpointState.PAUSED

    @property
    def host(self) -> str:
        """Where it is, without a path that may hold a secret of its owner's."""
        return urlsplit(self.url).hostname or ""

    @classmethod
    def of(cls, row: Row[Any]) -> "Endpoint":
        """The endpoint in a row of the table."""
        names = cls.__slots__
        values = {name: getattr(row, name) for name in names}
        return cls(**values | {"event_types": tuple(row.event_types)})


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSecret:
    """An endpoint with a secret that is shown this once."""

    endpoint: Endpoint
    raw_secret: str = field(repr=False)
