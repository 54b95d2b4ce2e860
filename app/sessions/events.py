"""What happens to sessions."""

from dataclasses import dataclass
from typing import ClassVar

from app.audit.event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCreated(Event):
    """Someone signed in."""

    type: ClassVar[str] = "session.created"

    sid: str
    amr: list[str]
    acr: str
    client_id: str
    audience: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRevoked(Event):
    """A session was ended before its time."""

    type: ClassVar[str] = "session.revoked"

    sid: str
    reason: str
