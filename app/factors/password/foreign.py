"""Hashes that other systems made of passwords: which of them are taken in, and verifying a password against one.

Each is kept as it came, and gives way to a hash of ours at the first sign-in that it lets in. Their costs are bounded:
a hash says itself how much work it is, and whoever imports one must not be able to stop the sign-ins of all others.
"""

import base64
import binascii
import hashlib
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import bcrypt
from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2d, Argon2i, Argon2id

from app.foundation.secrets import equal

MAX_CHARACTERS = 1024
_MAX_ITERATIONS = 2_000_000
_MAX_MEMORY_KIB = 256 * 1024
_MAX_PASSES = 32
_MAX_LANES = 16
_MAX_BCRYPT_ROUNDS = 15
# What follows is no part of the hash: the makers of bcrypt hashes cut it off.
_BCRYPT_BYTES = 72
_MIN_DIGEST_BYTES = 16
_MAX_DIGEST_BYTES = 128

_ARGON2 = re.compile(
    r"\$(argon2id|argon2i|argon2d)\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,3})\$([A-Za-z0-9+/]{11,128})\$([A-Za-z0-9+/]{22,172})"
)
_BCRYPT = re.compile(r"\$2[abxy]\$(\d\d)\$[./A-Za-z0-9]{53}")
# `$pbkdf2-sha256$i=…,l=…$salt$digest` and passlib's `$pbkdf2-sha256$…$salt$digest`.
_PBKDF2 = re.compile(
    r"\$pbkdf2-(sha1|sha256|sha512)\$(?:i=)?(\d{1,7})(?:,l=\d{1,4})?\$([A-Za-z0-9+/.]{0,172}={0,2})\$([A-Za-z0-9+/.]{22,172}={0,2})"
)
_DJANGO = re.compile(r"pbkdf2_(sha1|sha256)\$(\d{1,7})\$([^$\s]{1,128})\$([A-Za-z0-9+/]{22,172}={0,2})")
_SCRYPT = re.compile(
    r"\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,128}={0,2})\$([A-Za-z0-9+/]{22,172}={0,2})"
)

_ARGON2_KINDS: Mapping[str, type[Argon2d | Argon2i | Argon2id]] = MappingProxyType(
    {"argon2d": Argon2d, "argon2i": Argon2i, "argon2id": Argon2id}
)


class HashRefused(ValueError):
    """The text is no hash that we could verify a password against. The words quote nothing of it."""


@dataclass(frozen=True, slots=True)
class _Foreign:
    """A hash that was read: `matches` does its work."""

    matches: Callable[[bytes], bool]


def check(password_hash: str) -> None:
    """Refuse what cannot be verified, or would cost too much. Nothing is computed. Raises HashRefused."""
    _read(password_hash)


def verify(password_hash: str, raw_password: str) -> bool:
    """Whether the hash is of this password, as it was typed or in one of its normal forms; it takes its time.

    False for a hash that cannot be read. Other systems hash what was typed, or NFC or NFKC of it.
    """
    try:
        foreign = _read(password_hash)
        forms = [*(unicodedata.normalize(form, raw_password) for form in ("NFKC", "NFC")), raw_password]
        return any(foreign.matches(form) for form in dict.fromkeys(form.encode() for form in forms))
    except (HashRefused, UnicodeEncodeError):
        return False


def _read(text: str) -> _Foreign:
    if len(text) > MAX_CHARACTERS:
        raise HashRefused("A password hash has at most 1 024 characters.")
    for pattern, read in _READERS:
        found = pattern.fullmatch(text)
        if found is not None:
            return read(found)
    raise HashRefused(
        "A password hash is $argon2id$, $argon2i$, $argon2d$, $2b$ (bcrypt), $pbkdf2-sha256$, -sha512$ or -sha1$, "
        "pbkdf2_sha256$ (Django) or $scrypt$."
    )


def _argon2(found: re.Match[str]) -> _Foreign:
    kind, memory, passes, lanes = found[1], int(found[2]), int(found[3]), int(found[4])
    if memory > _MAX_MEMORY_KIB or not 1 <= passes <= _MAX_PASSES or not 1 <= lanes <= _MAX_LANES:
        raise HashRefused("The Argon2 hash asks for more than 256 MiB, 32 passes or 16 lanes.")
    if memory < 8 * lanes:
        raise HashRefused("The Argon2 hash asks for less memory than Argon2 knows.")
    salt, digest = _decoded(found[5]), _digest(found[6])

    def matches(password: bytes) -> bool:
        function = _ARGON2_KINDS[kind](
            salt=salt, length=len(digest), iterations=passes, lanes=lanes, memory_cost=memory
        )
        try:
            function.verify(password, digest)
        except InvalidKey:
            return False
        return True

    return _Foreign(matches)


def _bcrypt(found: re.Match[str]) -> _Foreign:
    # PHP writes $2y$ and means $2b$.
    text = ("$2b$" + found[0][4:]).encode()
    if not 4 <= int(found[1]) <= _MAX_BCRYPT_ROUNDS:
        raise HashRefused(f"The bcrypt hash has a cost outside of 4 to {_MAX_BCRYPT_ROUNDS}.")
    return _Foreign(lambda password: b"\0" not in password and bcrypt.checkpw(password[:_BCRYPT_BYTES], text))


def _pbkdf2(found: re.Match[str]) -> _Foreign:
    return _derived(found[1], int(found[2]), _decoded(found[3]), _digest(found[4]))


def _django(found: re.Match[str]) -> _Foreign:
    return _derived(found[1], int(found[2]), found[3].encode(), _digest(found[4]))


def _derived(algorithm: str, iterations: int, salt: bytes, digest: bytes) -> _Foreign:
    if not 1 <= iterations <= _MAX_ITERATIONS:
        raise HashRefused(f"The PBKDF2 hash has more than {_MAX_ITERATIONS} iterations.")
    return _Foreign(
        lambda password: equal(hashlib.pbkdf2_hmac(algorithm, password, salt, iterations, len(digest)), digest)
    )


def _scrypt(found: re.Match[str]) -> _Foreign:
    log_n, block, lanes = int(found[1]), int(found[2]), int(found[3])
    memory = 128 * block * (2**log_n)
    if not (1 <= log_n <= 20 and 1 <= block <= 32 and 1 <= lanes <= _MAX_LANES) or memory > _MAX_MEMORY_KIB * 1024:
        raise HashRefused("The scrypt hash asks for more than 256 MiB.")
    salt, digest = _decoded(found[4]), _digest(found[5])

    def matches(password: bytes) -> bool:
        computed = hashlib.scrypt(
            password, salt=salt, n=2**log_n, r=block, p=lanes, maxmem=2 * memory + 1024 * 1024, dklen=len(digest)
        )
        return equal(computed, digest)

    return _Foreign(matches)


_READERS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], _Foreign]], ...] = (
    (_ARGON2, _argon2),
    (_BCRYPT, _bcrypt),
    (_PBKDF2, _pbkdf2),
    (_DJANGO, _django),
    (_SCRYPT, _scrypt),
)


def _digest(text: str) -> bytes:
    digest = _decoded(text)
    if not _MIN_DIGEST_BYTES <= len(digest) <= _MAX_DIGEST_BYTES:
        raise HashRefused("The digest in the hash has fewer than 16 bytes or more than 128.")
    return digest


def _decoded(text: str) -> bytes:
    # passlib writes a dot where others write a plus.
    bare = text.rstrip("=").replace(".", "+")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except binascii.Error:
        raise HashRefused("The hash holds text that is not base64.") from None
