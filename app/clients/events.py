"""What happens to clients."""

from dataclasses import dataclass
from typing import ClassVar

from app.audit.event import Event, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCreated(Event):
    """A client was registered."""

    type: ClassVar[str] = "client.created"

    name: str
    audience: str | None
    scopes: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientDisabled(Event):
    """A client may not authenticate any more."""

    type: ClassVar[str] = "client.disabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientEnabled(Event):
    """A disabled client may authenticate again."""

    type: ClassVar[str] = "client.enabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSecretRotated(Event):
    """A client got another secret; the former ones count for `overlap_seconds` more."""

    type: ClassVar[str] = "client.secret_rotated"

    overlap_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRefused(Event):
    """A registered client's authentication failed. `reason` is for the log alone."""

    type: ClassVar[str] = "client.refused"
    outcome: ClassVar[Outcome] = Outcome.REFUSED

    reason: str
