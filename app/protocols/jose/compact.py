"""The gate before any cryptography: a token is split, measured and its header read. Spec: RFC 7515 §5.2, §7.1."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from pydantic_core import to_json

from app.protocols.jose import base64url

# Header fields are limited to 16 kB, so nothing longer can arrive whole.
MAX_TOKEN_BYTES = 16_384
_MAX_HEADER_BYTES = 512

# We write these three into every token. Anything more is refused, above all what would choose the key or its meaning
# (jwk, jku, x5u, x5c, crit, b64, zip): the key is chosen by `kid` among our own and by nothing else. Spec: RFC 8725 §3.
_HEADER_MEMBERS = {"alg", "kid", "typ"}


class MalformedToken(ValueError):
    """The text is no compact token of ours. The message is for the log and quotes nothing of it."""


@dataclass(frozen=True, slots=True, repr=False)
class CompactToken:
    """A token in its parts. Nothing in it is to be believed before its signature was checked."""

    alg: str
    kid: str
    typ: str
    signing_input: bytes
    payload: bytes
    signature: bytes


def parse(token: str) -> CompactToken:
    """Take a compact token apart. Raises MalformedToken."""
    if len(token) > MAX_TOKEN_BYTES:
        raise MalformedToken("longer than a token may be")
    try:
        encoded = token.encode("ascii")
    except UnicodeEncodeError:
        raise MalformedToken("not ASCII") from None
    parts = encoded.split(b".")
    if len(parts) != 3:
        raise MalformedToken("not three parts")
    if len(parts[0]) > _MAX_HEADER_BYTES:
        raise MalformedToken("longer header than we write")
    try:
        header, payload, signature = (base64url.decode(part) for part in parts)
    except base64url.NotCanonical:
        raise MalformedToken("not canonical base64url") from None
    if not signature:
        raise MalformedToken("no signature")
    members = read_object(header)
    if members.keys() != _HEADER_MEMBERS:
        raise MalformedToken("header members other than alg, kid and typ")
    alg, kid, typ = members["alg"], members["kid"], members["typ"]
    if not (isinstance(alg, str) and isinstance(kid, str) and isinstance(typ, str)):
        raise MalformedToken("a header member that is no text")
    signing_input = encoded[: len(parts[0]) + 1 + len(parts[1])]
    return CompactToken(alg, kid, typ, signing_input, payload, signature)


def read_object(encoded: bytes) -> dict[str, Any]:
    """Read a JSON object in UTF-8 with each member once and finite numbers. Raises MalformedToken.

    Two readers may keep different ones of two equal members, and then disagree about what was signed.
    """
    value = _read(encoded)
    if not isinstance(value, dict):
        raise MalformedToken("not a JSON object")
    return value


def read_list(encoded: bytes) -> list[Any]:
    """Read a JSON array as strictly. Raises MalformedToken."""
    value = _read(encoded)
    if not isinstance(value, list):
        raise MalformedToken("not a JSON array")
    return value


def _read(encoded: bytes) -> object:
    try:
        value: object = _strict.decode(encoded.decode())
    # A deep nest of brackets ends in RecursionError.
    except (ValueError, RecursionError):
        raise MalformedToken("not a JSON object with each member once") from None
    return value


def write_object(members: Mapping[str, object]) -> bytes:
    """A JSON object without blanks. Raises ValueError for a number that JSON has no word for."""
    written = to_json(members)
    if written.isascii() and b"NaN" not in written and b"Infinity" not in written:
        return written
    return _plain.encode(members).encode()


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise MalformedToken("a member twice")
    return members


def _refuse_constant(_: str) -> NoReturn:
    raise MalformedToken("a number that is not finite")


# Made once. It writes what the faster encoder would write otherwise: all ASCII, and no number that is none.
_plain = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
_strict = json.JSONDecoder(object_pairs_hook=_each_once, parse_constant=_refuse_constant)
