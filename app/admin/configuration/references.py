"""Reading a secret from where the document says that it stands."""

import os
from pathlib import Path

from app.admin.configuration.errors import InvalidConfiguration

LEAST_CHARACTERS = 32
_MOST_CHARACTERS = 512


def read_text(reference: str) -> str:
    """What stands behind `env:NAME` or `file:PATH`. Raises InvalidConfiguration, which never quotes it."""
    scheme, _, place = reference.partition(":")
    try:
        raw = os.environ.get(place, "") if scheme == "env" else Path(place).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InvalidConfiguration(f"{reference} cannot be read", detail=type(error).__name__) from None
    text = raw.strip()
    if not text:
        raise InvalidConfiguration(f"{reference} is empty")
    return text


def read_secret(reference: str) -> str:
    """The secret of a client behind a reference. Raises InvalidConfiguration, which never quotes it."""
    secret = read_text(reference)
    if not LEAST_CHARACTERS <= len(secret) <= _MOST_CHARACTERS or not secret.isascii() or not secret.isprintable():
        raise InvalidConfiguration(
            f"{reference}: a secret has {LEAST_CHARACTERS} to {_MOST_CHARACTERS} visible ASCII characters, at random"
        )
    return secret
