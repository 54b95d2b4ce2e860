"""What happens to our SAML key pairs. `fingerprint` is the SHA-256 of a certificate, in hexadecimal."""

from dataclasses import dataclass
from typing import ClassVar

from app.audit.event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class SAMLKeyPublished(Event):
    """The next key pair was made. It stands in our metadata from now on, and signs nothing yet."""

    type: ClassVar[str] = "saml_key.published"

    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SAMLKeyRotated(Event):
    """Another key pair signs; the former one opens what was encrypted for it until `retires_at`, in RFC 3339."""

    type: ClassVar[str] = "saml_key.rotated"

    former: str
    active: str
    retires_at: str
    forced: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SAMLKeyRetired(Event):
    """A key pair was taken out before its end, and its private half erased. `state` is what it was."""

    type: ClassVar[str] = "saml_key.retired"

    fingerprint: str
    state: str
