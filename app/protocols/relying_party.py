"""What this service is to an authenticator, read off its public address: pure rules. Spec: WebAuthn §5.1.2, §13.4.9."""

from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class RelyingParty:
    """The id that passkeys are made for, and the one origin whose pages may use them."""

    id: str
    origin: str

    @classmethod
    def of(cls, public_url: str) -> "RelyingParty":
        """The relying party of an issuer's URL; its path plays no part."""
        parts = urlsplit(public_url)
        return cls(id=parts.hostname or "", origin=f"{parts.scheme}://{parts.netloc}")
