"""What happens to API keys. `key_id` is the part of a key that may be shown."""

from dataclasses import dataclass
from typing import ClassVar

from app.audit.event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class APIKeyCreated(Event):
    """A key was made for a user or a client."""

    type: ClassVar[str] = "api_key.created"

    key_id: str
    name: str
    audience: str
    scopes: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class APIKeyRotated(Event):
    """Another key took the place of this one, which counts for `overlap_seconds` more."""

    type: ClassVar[str] = "api_key.rotated"

    key_id: str
    successor_id: str
    name: str
    overlap_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class APIKeyRevoked(Event):
    """A key counts no more."""

    type: ClassVar[str] = "api_key.revoked"

    key_id: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class APIKeyLeaked(Event):
    """Somebody reported that a key was seen where it should not be. It was revoked at once, if it still counted."""

    type: ClassVar[str] = "api_key.leak_reported"

    key_id: str
    name: str
