"""Random values, their hashes, and comparison in constant time."""

import binascii
import hashlib
import hmac
import os
import re
import secrets
import string
from typing import NewType

SecretHash = NewType("SecretHash", bytes)
"""SHA-256 of a random value of at least 256 bits: all that is stored of a token."""

_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
_ID = re.compile(r"[A-Za-z0-9_-]{22}")
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_BASE62 = string.digits + string.ascii_letters


def random_bytes(size_bytes: int) -> bytes:
    """Unpredictable bytes from the operating system."""
    return os.urandom(size_bytes)


def random_id() -> str:
    """128 random bits as 22 characters of base64url: `sid`, `jti`, `grant_id`."""
    return encode_secret(os.urandom(16))


def is_random_id(text: str) -> bool:
    """Whether a text has the shape of `random_id`; nothing else is looked up."""
    return _ID.fullmatch(text) is not None


def random_secret() -> str:
    """256 random bits as 43 characters of base64url."""
    return encode_secret(os.urandom(32))


def is_random_secret(text: str) -> bool:
    """Whether a text has the shape of `random_secret`; nothing else is looked up."""
    return _SECRET.fullmatch(text) is not None


def random_base62(characters: int) -> str:
    """Random letters and digits, just under six bits each."""
    return "".join(secrets.choice(_BASE62) for _ in range(characters))


def random_digits(digits: int) -> str:
    """Random decimal digits, for a code that a person types."""
    return "".join(secrets.choice(string.digits) for _ in range(digits))


def encode_secret(value: bytes) -> str:
    """Unpadded base64url."""
    return binascii.b2a_base64(value, newline=False).translate(_URL_SAFE).rstrip(b"=").decode("ascii")


def hash_secret(raw_secret: str) -> SecretHash:
    """The stored form of a random secret.

    A fast hash is right here: 256 random bits cannot be guessed, whatever a guess costs.
    """
    return SecretHash(hashlib.sha256(raw_secret.encode()).digest())


def equal(left: bytes, right: bytes) -> bool:
    """Compare two byte strings without telling by the time taken where they differ."""
    return hmac.compare_digest(left, right)
