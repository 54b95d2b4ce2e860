"""Reads one batch of the revocation feed: sound, signed, ours, or refused. Spec: contract section 8, RFC 8725 §3."""

from dataclasses import dataclass
from typing import Any

from auth_service_sdk.errors import InvalidToken
from auth_service_sdk.gate import parse, shown
from auth_service_sdk.keyset import KeySet
from auth_service_sdk.revocations import ALWAYS, EARLIER, Entry
from auth_service_sdk.verifier import Expectations, check_signature

BATCH_TYPES = frozenset({"revocations+jwt"})
MAX_BATCH_BYTES = 384 * 1024
"""A batch of 500 entries with names of 255 characters."""
MAX_ENTRIES = 1000
MAX_PARTS = 40_000
"""Of one snapshot."""
MAX_NAME_CHARACTERS = 512
_MAX_NUMBER = 2**53
_KINDS = frozenset({*ALWAYS, *EARLIER})


class BatchRefused(Exception):  # what the feed is, not a fault of ours
    """The feed says something that may not be believed; the message says what."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch whose signature was accepted. `part` of `parts`, and `count` of the whole, are set in snapshots alone."""

    audience: str
    epoch: str
    start: int
    end: int
    as_of: float
    entries: tuple[Entry, ...]
    part: int = 0
    parts: int = 0
    count: int = 0
    kid: str = ""


async def read_batch(token: bytes, expected: Expectations, keys: KeySet) -> Batch:
    """Verify and read a batch. Raises BatchRefused, KeysUnavailable."""
    try:
        parsed = parse(token, types=BATCH_TYPES, max_bytes=MAX_BATCH_BYTES)
        claims = parsed.claims
        # Before the signature: what is for somebody else must cost nothing.
        _check_origin(claims, expected)
        key = await keys.find(parsed.kid)
        if key is None:
            raise BatchRefused(f"the issuer publishes no key {shown(parsed.kid)}")
        check_signature(parsed, key)
    except InvalidToken as error:
        raise BatchRefused(error.detail or "malformed") from None
    return _read(claims, parsed.kid)


def _check_origin(claims: dict[str, Any], expected: Expectations) -> None:
    issuer, audience = claims.get("iss"), claims.get("aud")
    if issuer != expected.issuer:
        raise BatchRefused(f"expected issuer {expected.issuer}, batch has {shown(issuer)}")
    if not isinstance(audience, str) or audience not in expected.audiences:
        wanted = " or ".join(sorted(expected.audiences))
        raise BatchRefused(f"expected audience {wanted}, batch has {shown(audience)}; whose credentials are these?")


def _read(claims: dict[str, Any], kid: str) -> Batch:
    epoch, listed = claims.get("epoch"), claims.get("entries")
    as_of: Any = claims.get("as_of")
    if not isinstance(epoch, str) or not 0 < len(epoch) <= MAX_NAME_CHARACTERS:
        raise BatchRefused("expected an epoch")
    if type(as_of) not in (int, float) or not 0 <= as_of <= _MAX_NUMBER:
        raise BatchRefused(f"expected as_of in seconds since 1970, batch has {shown(as_of)}")
    if not isinstance(listed, list) or len(listed) > MAX_ENTRIES:
        raise BatchRefused(f"expected at most {MAX_ENTRIES} entries")
    start, end = _number(claims, "from"), _number(claims, "to")
    if end < start:
        raise BatchRefused(f"expected a range, batch goes from {start} to {end}")
    part = parts = count = 0
    if "count" in claims:
        part, parts, count = (_number(claims, name) for name in ("part", "parts", "count"))
        if start != 0 or not 1 <= part <= parts <= MAX_PARTS:
            raise BatchRefused(f"expected a part of a snapshot from 0, got {part} of {parts} from {start}")
    entries = tuple(_entry(entry) for entry in listed)
    return Batch(claims["aud"], epoch, start, end, float(as_of), entries, part, parts, count, kid)


def _number(members: dict[str, Any], name: str) -> int:
    value = members.get(name)
    # bool is an int in Python.
    if type(value) is not int or not 0 <= value <= _MAX_NUMBER:
        raise BatchRefused(f"expected {name} to be a number, got {shown(value)}")
    return value


def _entry(members: Any) -> Entry:
    if not isinstance(members, dict):
        raise BatchRefused("expected each entry to be an object")
    kind, name = members.get("kind"), members.get("id")
    if not isinstance(kind, str) or kind not in _KINDS:
        # Passing it over would let live what it revokes.
        raise BatchRefused(f"the kind {shown(kind)} is not known here: update the SDK")
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME_CHARACTERS:
        raise BatchRefused(f"expected each entry to name something, got {shown(name)}")
    return Entry(kind, name, _number(members, "at"), _number(members, "expires"))
