"""The chain of audit entries: what the hash of each covers. Pure functions of values.

An entry's hash covers its number, the hash of the entry before it, a digest of what it says, and a salted digest of
what it says about a person. When a person is erased, those fields and the salt are emptied while the digest stays: the
chain still verifies, and nobody can try values until one fits.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

GENESIS = bytes(32)
"""What stands before the first entry."""

SALT_BYTES = 16
ERASED: Mapping[str, object] = {"ip": None, "user_agent": None, "details": {}, "personal_salt": None}
"""What the columns hold once a person is erased: all of it, or the entry counts as changed."""

# Each kind of input begins with words of its own, so that none passes for another.
_CONTENT, _PERSONAL, _LINK = b"audit content 1\n", b"audit personal 1\n", b"audit link 1\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What an entry says. `ip`, `user_agent` and `details` are personal; ids of people are opaque, and stay."""

    id: UUID
    at: datetime
    type: str
    outcome: str
    actor_kind: str
    actor_id: str | None
    subject: str | None
    trace_id: str
    ip: str | None
    user_agent: str | None
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An entry's place in the chain."""

    number: int
    hash: bytes
    personal_salt: bytes | None
    personal_digest: bytes


def content_digest(entry: Content) -> bytes:
    """Of everything that is not personal."""
    fields = [
        str(entry.id),
        entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        entry.type,
        entry.outcome,
        entry.actor_kind,
        entry.actor_id,
        entry.subject,
        entry.trace_id,
    ]
    return hashlib.sha256(_CONTENT + _canonical(fields)).digest()


def personal_digest(entry: Content, salt: bytes) -> bytes:
    """Of everything personal. Raises ValueError for a salt of another length than ours."""
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes")
    fields = [entry.ip, entry.user_agent, entry.details]
    return hashlib.sha256(_PERSONAL + salt + _canonical(fields)).digest()


def link_hash(number: int, previous: bytes, content: bytes, personal: bytes) -> bytes:
    """The hash of an entry, from its number, the hash before it and its two digests."""
    return hashlib.sha256(_LINK + number.to_bytes(8, "big") + previous + content + personal).digest()


def chain_on(entry: Content, *, number: int, previous: bytes, salt: bytes) -> Link:
    """Join an entry to the chain whose last hash is `previous`."""
    personal = personal_digest(entry, salt)
    own = link_hash(number, previous, content_digest(entry), personal)
    return Link(number=number, hash=own, personal_salt=salt, personal_digest=personal)


def fault(entry: Content, link: Link, previous: bytes) -> str | None:
    """What is wrong with an entry that should follow `previous`, or None."""
    if link.personal_salt is None:
        if entry.ip is not None or entry.user_agent is not None or entry.details:
            return "says something about a person although it was erased"
    elif len(link.personal_salt) != SALT_BYTES or personal_digest(entry, link.personal_salt) != link.personal_digest:
        return "was changed: its personal fields do not fit their digest"
    if link_hash(link.number, previous, content_digest(entry), link.personal_digest) != link.hash:
        return "was changed, or does not follow the entry before it"
    return None


# Made once: an encoder costs as much as what it writes of an entry.
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode


def _canonical(value: object) -> bytes:
    """JSON in one form only: sorted names, no spaces, ASCII."""
    return _encode(value).encode("ascii")
