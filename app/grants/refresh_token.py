"""The shape of refresh tokens and how a successor follows from its predecessor: pure rules."""

import hmac
import re
from dataclasses import dataclass
from uuid import UUID

from app.foundation.secrets import SecretHash, encode_secret, hash_secret

SUCCESSOR_PURPOSE = "refresh-successor"
_FORM = re.compile(r"rt_([0-9a-f]{32})_([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class PresentedToken:
    """A well-formed refresh token: the row it names and its secret."""

    id: UUID
    raw_secret: str

    @property
    def secret_hash(self) -> SecretHash:
        """What the row holds if the token is genuine."""
        return hash_secret(self.raw_secret)

    def __repr__(self) -> str:
        return f"PresentedToken(id={self.id})"


def format_token(row_id: UUID, raw_secret: str) -> str:
    """The token as the client holds it: `rt_<row id>_<secret>`."""
    return f"rt_{row_id.hex}_{raw_secret}"


def parse_token(raw_token: str) -> PresentedToken | None:
    """The parts of a token, or None where it does not have their shape."""
    match = _FORM.fullmatch(raw_token)
    return PresentedToken(UUID(hex=match[1]), match[2]) if match else None


def successor_secret(derived_key: bytes, *, salt: bytes, spent_secret: str, successor_id: UUID) -> str:
    """The secret of the token that follows a spent one.

    It follows from the spent secret, so that whoever holds that (and only they) can be given the same
    successor twice; and from a key of ours, so that holding it is not enough to compute it.
    """
    message = salt + spent_secret.encode() + successor_id.bytes
    return encode_secret(hmac.digest(derived_key, message, "sha256"))
