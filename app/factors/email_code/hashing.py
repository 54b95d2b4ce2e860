"""The stored form of a mailed code. Six digits are found from a plain hash in no time, so the hash is keyed."""

import hmac

from app.foundation.encryption import Keyring, UnknownKey
from app.foundation.secrets import equal

_PURPOSE = "email-code"
_KEY_ID_BYTES = 4


def code_hash(keyring: Keyring, challenge_hash: bytes, code: str) -> bytes:
    """The HMAC of a code for one challenge, after the id of the key that made it."""
    return bytes.fromhex(keyring.current_id) + _tag(keyring, keyring.current_id, challenge_hash, code)


def matches(keyring: Keyring, stored: bytes, challenge_hash: bytes, code: str) -> bool:
    """Whether a code is the challenge's; False also where the key of the hash has left the ring."""
    try:
        expected = _tag(keyring, stored[:_KEY_ID_BYTES].hex(), challenge_hash, code)
    except UnknownKey:
        return False
    return equal(stored[_KEY_ID_BYTES:], expected)


def _tag(keyring: Keyring, key_id: str, challenge_hash: bytes, code: str) -> bytes:
    return hmac.digest(keyring.derive(_PURPOSE, key_id=key_id), challenge_hash + code.encode(), "sha256")
