"""Streams of lines, as tests send them."""

import json
from collections.abc import AsyncIterator, Iterable

from app.audit.event import Actor, ActorKind
from app.foundation.origin import Origin
from app.transfer.imports import By
from app.transfer.lines import split

ACTING = By(
    actor=Actor(ActorKind.OPERATOR, "test"),
    origin=Origin(ip=None, user_agent=None, trace_id="0" * 32),
    unbound=True,
)


def ndjson(*lines: dict[str, object] | str) -> bytes:
    return b"".join((line if isinstance(line, str) else json.dumps(line)).encode() + b"\n" for line in lines)


async def pieces(content: bytes, *, size: int = 65_536) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


def lines_of(content: bytes, *, size: int = 65_536) -> AsyncIterator[bytes | None]:
    return split(pieces(content, size=size))


async def each(items: Iterable[bytes | None]) -> AsyncIterator[bytes | None]:
    for item in items:
        yield item
