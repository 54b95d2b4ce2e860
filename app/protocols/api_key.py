"""The written form of an API key: `ask_`, 22 characters that name it, `_`, 43 secret ones, 6 that check the rest.

The prefix lets secret scanners find a key that has leaked; the check lets a mistyped one fail without a look-up. All
of it is base62: digits, upper case, lower case, in the order of ASCII, so that ids of one time sort together as texts.
"""

import re
import zlib
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

PREFIX = "ask_"
ID_CHARACTERS, SECRET_CHARACTERS, CHECK_CHARACTERS = 22, 43, 6
CHARACTERS = len(PREFIX) + ID_CHARACTERS + 1 + SECRET_CHARACTERS + CHECK_CHARACTERS
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

_VALUES = {character: value for value, character in enumerate(ALPHABET)}
_FORM = re.compile(
    rf"{PREFIX}([0-9A-Za-z]{{{ID_CHARACTERS}}})_[0-9A-Za-z]{{{SECRET_CHARACTERS + CHECK_CHARACTERS}}}", re.ASCII
)
_ID = re.compile(rf"[0-9A-Za-z]{{{ID_CHARACTERS}}}", re.ASCII)
_UUID_BITS = 128


class APIKeyText(NamedTuple):
    """A whole key and the id in it. Nothing is proven yet."""

    key_id: str
    row_id: UUID


def write(row_id: UUID, secret: str) -> str:
    """The key of that row with this secret, which has `SECRET_CHARACTERS` of base62."""
    body = f"{PREFIX}{key_id_of(row_id)}_{secret}"
    return body + _check(body)


def read(text: str) -> APIKeyText | None:
    """What a whole key names; None for whatever is not the exact form of one, or was mistyped."""
    if len(text) != CHARACTERS:
        return None
    match = _FORM.fullmatch(text)
    if match is None or _check(text[:-CHECK_CHARACTERS]) != text[-CHECK_CHARACTERS:]:
        return None
    row_id = row_id_of(match[1])
    return None if row_id is None else APIKeyText(match[1], row_id)


def key_id_of(row_id: UUID) -> str:
    """A row's id as it stands in its key."""
    return _base62(row_id.int, ID_CHARACTERS)


def row_id_of(key_id: str) -> UUID | None:
    """The row that a key's id names; None where it cannot name any."""
    return None if _ID.fullmatch(key_id) is None else _row_id(key_id)


# The ids of those who come all the time are not read digit by digit for each of their requests. They are no secrets.
@lru_cache(maxsize=4096)
def _row_id(key_id: str) -> UUID | None:
    value = 0
    for character in key_id:
        value = value * len(ALPHABET) + _VALUES[character]
    return UUID(int=value) if value < 1 << _UUID_BITS else None


def _check(body: str) -> str:
    return _base62(zlib.crc32(body.encode("ascii")), CHECK_CHARACTERS)


def _base62(value: int, characters: int) -> str:
    digits = []
    for _ in range(characters):
        value, digit = divmod(value, len(ALPHABET))
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))
