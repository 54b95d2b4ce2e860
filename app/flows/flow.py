"""A flow as its feature and its explanation see it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from app.foundation.clock import rfc3339
from app.protocols.trace import Check


class Outcome(StrEnum):
    """How a flow stands."""

    PENDING = "pending"
    GRANTED = "granted"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A flow. `request` may hold what only its client should know and is never shown."""

    id: str
    kind: str
    client_id: str | None
    subject: str | None
    request: Mapping[str, Any] = field(repr=False)
    checks: tuple[Check, ...]
    outcome: Outcome
    error: str | None
    trace_id: str
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None

    def as_json(self) -> dict[str, Any]:
        """What an operator sees of it."""
        return {
            "id": self.id,
            "kind": self.kind,
            "client_id": self.client_id,
            "subject": self.subject,
            "outcome": self.outcome.value,
            "error": self.error,
            "checks": [check.as_json() for check in self.checks],
            "trace_id": self.trace_id,
            "created_at": rfc3339(self.created_at),
            "expires_at": rfc3339(self.expires_at),
            "ended_at": rfc3339(self.ended_at),
        }
