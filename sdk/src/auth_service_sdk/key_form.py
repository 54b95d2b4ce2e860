"""The form of an API key: most mistyped and invented ones are told by it alone."""

import re
import zlib

_ALPHABET = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_FORM = re.compile(rb"ask_[0-9A-Za-z]{22}_[0-9A-Za-z]{49}")
_CHECK_CHARACTERS = 6


def is_well_formed(key: bytes) -> bool:
    """Whether this can be a key at all: most mistyped and invented ones end here, without a question."""
    return _FORM.fullmatch(key) is not None and checksum(key[:-_CHECK_CHARACTERS]) == key[-_CHECK_CHARACTERS:]


def checksum(body: bytes) -> bytes:
    """The CRC-32 of what comes before, in six characters of base62."""
    value, digits = zlib.crc32(body), bytearray()
    for _ in range(_CHECK_CHARACTERS):
        value, digit = divmod(value, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return bytes(reversed(digits))
