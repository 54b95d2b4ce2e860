"""Refusals of credentials. A token that is not accepted is `signing_keys.errors.InvalidToken`."""

from app.foundation.principal import AmbiguousCredentials, MissingToken

__all__ = ["AmbiguousCredentials", "MissingToken"]
