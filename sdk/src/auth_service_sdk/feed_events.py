"""Takes a feed's answer apart: server-sent events, or a document of batches. Spec: WHATWG HTML §9.2."""

import json
import re
from collections.abc import AsyncGenerator, AsyncIterator
from typing import NamedTuple

from auth_service_sdk.batches import MAX_BATCH_BYTES, BatchRefused
from auth_service_sdk.client import Answer

MAX_EVENT_BYTES = MAX_BATCH_BYTES + 4096
"""Between two batches no more is read."""
MAX_DOCUMENT_BYTES = 32 * 1024 * 1024
"""A document is read whole: a snapshot of a quarter of a million entries. Larger ones need the stream."""
_EVENT = b"revocations"
_CURSOR = re.compile(r"[!-~]{1,128}")


class Signed(NamedTuple):
    """A batch as it came, and where its reader stands after it."""

    token: bytes
    cursor: str


async def events(chunks: AsyncIterator[bytes]) -> AsyncGenerator[Signed, None]:
    """The batches of a stream. Raises BatchRefused for a line or event that is too long, or without cursor."""
    pieces: list[bytes] = []
    event: dict[bytes, bytes] = {}
    size = 0
    async for chunk in chunks:
        pieces.append(chunk)
        size += len(chunk)
        # Joined once for each line, however small the pieces are that it comes in.
        lines: list[bytes] = []
        if b"\n" in chunk:
            *lines, rest = b"".join(pieces).split(b"\n")
            pieces = [rest]
        for line in lines:
            name, _, value = line.removesuffix(b"\r").partition(b":")
            if name:
                event[name] = event.get(name, b"") + value.removeprefix(b" ")
            elif line.strip() == b"":
                if event.get(b"event") == _EVENT and b"data" in event:
                    yield Signed(event[b"data"], cursor_of(event.get(b"id", b"").decode("ascii", "replace")))
                    size = len(pieces[0])
                event = {}
        if size > MAX_EVENT_BYTES + len(chunk):
            raise BatchRefused(f"more than {MAX_EVENT_BYTES} bytes came without a batch")


def document(answer: Answer) -> list[Signed]:
    """The batches of a JSON answer. Raises BatchRefused."""
    try:
        body = json.loads(answer.body)
    except (ValueError, RecursionError):
        body = None
    batches = body.get("batches") if isinstance(body, dict) else None
    if not isinstance(batches, list) or not all(isinstance(b, str) and b.isascii() for b in batches) or not batches:
        raise BatchRefused("expected a document with batches")
    cursor = cursor_of(body.get("cursor"))
    return [Signed(batch.encode("ascii"), cursor) for batch in batches]


def cursor_of(value: object) -> str:
    """A cursor that can be sent back. Raises BatchRefused."""
    if not isinstance(value, str) or _CURSOR.fullmatch(value) is None:
        raise BatchRefused("expected a cursor")
    return value
