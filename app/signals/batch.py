"""What a batch says, and where its reader stands: pure functions of values."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from app.foundation.errors import InvalidCursor
from app.revocation.follow import Revoked

BATCH_TYPE = "revocations+jwt"
"""The `typ` of a batch. Spec: RFC 8725 §3.11."""

MAX_ENTRIES = 500
"""Entries of one batch at most: about 60 kB signed, within what JOSE libraries take by default."""

_CURSOR = re.compile(r"([0-9a-f]{32})\.(0|[1-9]\d{0,18})")


class Cursor(NamedTuple):
    """How far a follower has come: the number of the last revocation it has heard of, in one epoch's counting."""

    epoch: UUID
    seq: int

    def __str__(self) -> str:
        return f"{self.epoch.hex}.{self.seq}"


def parse_cursor(text: str) -> Cursor:
    """A cursor that came back from a follower. Raises InvalidCursor."""
    match = _CURSOR.fullmatch(text)
    if match is None:
        raise InvalidCursor
    return Cursor(UUID(match[1]), int(match[2]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The part of the feed that a batch covers: what came after number `start`, up to and with `end.seq`."""

    start: int
    end: Cursor
    as_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotPart:
    """Which part of a snapshot a batch is, of how many; `count` entries in all of them together."""

    part: int
    parts: int
    count: int


def batch_claims(
    entries: Sequence[Revoked], span: Span, *, issuer: str, audience: str, snapshot: SnapshotPart | None = None
) -> dict[str, object]:
    """A batch's claims. Times are seconds since 1970: whole ones for entries, `as_of` to the millisecond.

    `epoch` tells one counting from another: numbers of different epochs have nothing to do with each other.
    """
    claims: dict[str, object] = {
        "iss": issuer,
        "aud": audience,
        "epoch": span.end.epoch.hex,
        "from": span.start,
        "to": span.end.seq,
        "as_of": round(span.as_of.timestamp(), 3),
        "entries": [_entry(revoked) for revoked in entries],
    }
    if snapshot is not None:
        claims |= {"count": snapshot.count, "part": snapshot.part, "parts": snapshot.parts}
    return claims


def _entry(revoked: Revoked) -> dict[str, object]:
    return {
        "kind": revoked.kind.value,
        "id": revoked.target,
        "at": int(revoked.at.timestamp()),
        # Rounded up: never forgotten a moment too soon.
        "expires": -int(-revoked.expires_at.timestamp() // 1),
    }
