"""Refusals about tokens and keys."""

from typing import ClassVar

from app.foundation.errors import Conflict, NotAuthenticated, NotFound, Unavailable, Unprocessable


class InvalidToken(NotAuthenticated):
    """The token is malformed, not signed by us, expired or not for this use: one answer for every reason.

    The reason is in `detail`, for the log; it quotes nothing of the token.
    """

    code, title = "invalid_token", "This token is not accepted"
    challenge: ClassVar[str] = 'Bearer error="invalid_token"'


class UnknownSigningKey(InvalidToken):
    """The token names a key that this process does not hold, or no longer."""


class NoSigningKey(Unavailable):
    """This process has no key to sign with: it has not read the key set yet, or cannot decrypt it."""

    code, title = "no_signing_key", "Not available at the moment"


class OverlapTooShort(Unprocessable):
    """Honest tokens would be refused: the old key must verify until the last token it signed has expired."""

    code, title = "overlap_too_short", "The overlap is too short"


class RotationConflict(Conflict):
    """Another rotation of the same algorithm finished first; this one changed nothing."""

    code, title = "rotation_conflict", "The key was just rotated"


class SigningKeyNotFound(NotFound):
    """There is no such key, and never was."""

    code, title = "signing_key_not_found", "There is no such signing key"


class SigningKeyInUse(Conflict):
    """Honest tokens need the key: it signs, or has signed what has not expired."""

    code, title = "signing_key_in_use", "This key is still needed"
