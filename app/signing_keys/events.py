"""What happens to signing keys."""

from dataclasses import dataclass
from typing import ClassVar

from app.audit.event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKeyCreated(Event):
    """A key was generated or imported. It stands in the JWKS from now on."""

    type: ClassVar[str] = "signing_key.created"

    kid: str
    algorithm: str
    state: str
    imported: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKeyRotated(Event):
    """The next key became the active one; the former one verifies until `retires_at`, in RFC 3339."""

    type: ClassVar[str] = "signing_key.rotated"

    algorithm: str
    former_kid: str
    active_kid: str
    next_kid: str
    retires_at: str
    forced: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKeyRetired(Event):
    """A key left the JWKS for good, and its private half was erased."""

    type: ClassVar[str] = "signing_key.retired"

    kid: str
    algorithm: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKeyRevoked(Event):
    """Somebody else may have a key: whatever it signed is refused from now on. `state` is what it was before."""

    type: ClassVar[str] = "signing_key.revoked"

    kid: str
    algorithm: str
    state: str
