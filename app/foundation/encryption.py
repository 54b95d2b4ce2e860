"""Encryption at rest, and secrets derived from the same keys.

The keys of `ENCRYPTION__KEYS` form a ring: the first encrypts, all decrypt, so that a key is replaced by putting
a new one in front. No key is used as it is: each use takes a subkey of its own (HKDF), so that what is derived
for one purpose says nothing about another.
"""

import base64
import binascii
import hashlib
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.foundation.errors import ServiceError
from app.foundation.secrets import random_bytes

KEY_BYTES = 32

# A sealed value is: format (1 byte), key id (4), nonce (12), then the ciphertext with its tag (16).
_FORMAT = b"\x01"
_KEY_ID_BYTES = 4
_NONCE_BYTES = 12
_TAG_BYTES = 16
_NONCE_AT = len(_FORMAT) + _KEY_ID_BYTES
_CIPHERTEXT_AT = _NONCE_AT + _NONCE_BYTES


class DecryptionFailed(ServiceError):
    """A sealed value was altered, belongs to another place or purpose, or is no sealed value."""


class UnknownKey(DecryptionFailed):
    """The key is not in the ring: `ENCRYPTION__KEYS` lost a key that is still needed."""


class Keyring:
    """The encryption keys of one deployment, 32 bytes each, the encrypting one first.

    Raises ValueError when there is no key or one has another size.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys:
            raise ValueError("at least one encryption key is needed")
        if any(len(key) != KEY_BYTES for key in keys):
            raise ValueError(f"an encryption key has {KEY_BYTES} bytes")
        # In reverse, so that of two equal ids the earlier key stands.
        self._keys = {key_id(key): key for key in reversed(keys)}
        self.current_id = key_id(keys[0])
        self._derived: dict[tuple[str, str], bytes] = {}

    def __repr__(self) -> str:
        return f"Keyring(current_id={self.current_id!r}, keys={len(self._keys)})"

    def encrypt(self, plaintext: bytes, *, purpose: str, bound_to: str) -> bytes:
        """Seal a value for one place: it opens only with the same `purpose` and `bound_to` (such as a row's key).

        The nonce is random, which is safe for 2³² values under one key.
        """
        nonce = random_bytes(_NONCE_BYTES)
        cipher = AESGCM(self._subkey(self.current_id, "encrypt"))
        header = _FORMAT + bytes.fromhex(self.current_id)
        return header + nonce + cipher.encrypt(nonce, plaintext, _associated_data(header, purpose, bound_to))

    def decrypt(self, sealed: bytes, *, purpose: str, bound_to: str) -> bytes:
        """Open a sealed value. Raises UnknownKey when its key is not in the ring, else DecryptionFailed."""
        if len(sealed) < _CIPHERTEXT_AT + _TAG_BYTES or sealed[: len(_FORMAT)] != _FORMAT:
            raise DecryptionFailed(detail=f"not a sealed value of a known format ({purpose})")
        header, nonce = sealed[:_NONCE_AT], sealed[_NONCE_AT:_CIPHERTEXT_AT]
        cipher = AESGCM(self._subkey(header[len(_FORMAT) :].hex(), "encrypt"))
        try:
            return cipher.decrypt(nonce, sealed[_CIPHERTEXT_AT:], _associated_data(header, purpose, bound_to))
        except InvalidTag as error:
            raise DecryptionFailed(detail=f"altered, or not sealed for this place ({purpose})") from error

    def derive(self, purpose: str, *, key_id: str | None = None) -> bytes:
        """A secret of 32 bytes for one purpose, always the same for the same key. Spec: RFC 5869.

        `key_id` asks for an older key of the ring, the first one otherwise. Raises UnknownKey.
        """
        return self._subkey(key_id or self.current_id, f"derive {purpose}")

    def _subkey(self, wanted_id: str, use: str) -> bytes:
        known = self._derived.get((wanted_id, use))
        if known is not None:
            return known
        key = self._keys.get(wanted_id)
        if key is None:
            raise UnknownKey(detail=f"ENCRYPTION__KEYS does not hold the key {wanted_id}")
        subkey = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=f"auth-service {use}".encode()).derive(key)
        self._derived[wanted_id, use] = subkey
        return subkey


def key_id(key: bytes) -> str:
    """What a key is called beside the values it sealed: 8 hexadecimal digits that tell nothing about it."""
    return hashlib.sha256(b"auth-service key id\x00" + key).hexdigest()[: 2 * _KEY_ID_BYTES]


def parse_keys(text: str) -> tuple[bytes, ...]:
    """Read `ENCRYPTION__KEYS`: comma-separated keys, each 32 bytes in base64url or base64, padded or not.

    Raises ValueError, which names the position of the faulty key and never shows it.
    """
    keys = []
    for position, item in enumerate(text.split(","), start=1):
        encoded = item.strip().rstrip("=").replace("-", "+").replace("_", "/")
        try:
            key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
        except (binascii.Error, ValueError):
            raise ValueError(f"key {position} is not base64url") from None
        if len(key) != KEY_BYTES:
            raise ValueError(f"key {position} has {len(key)} bytes, {KEY_BYTES} are needed")
        keys.append(key)
    return tuple(keys)


def _associated_data(header: bytes, purpose: str, bound_to: str) -> bytes:
    """What a sealed value is bound to. Lengths keep one pair of texts from reading like another."""
    parts = (purpose.encode(), bound_to.encode())
    return header + b"".join(len(part).to_bytes(4, "big") + part for part in parts)
