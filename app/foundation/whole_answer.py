"""Sends an answer that comes whole by one write, its steady headers as lines that were made once.

uvicorn looks for forbidden characters in every header of every answer, and writes head and body apart: that costs a
small answer as much as making it. What is not plain goes uvicorn's own way.
"""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from starlette.types import Message
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from app.foundation.steady_headers import STEADY, Header

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent

_NO_NAME = re.compile(rb"[^!#$%&'*+.^_`|~0-9A-Za-z-]")
_NO_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_LENGTH = b"content-length"
_OF_CONNECTION = frozenset({b"connection", b"transfer-encoding"})
_KNOWN = frozenset({b"date", b"x-trace-id"})
_LINES = {header: b"%b: %b\r\n" % header for header in STEADY}


class WholeAnswer:
    """One request's `send`. It keeps the head of an answer with a length until its body comes."""

    __slots__ = ("_cycle", "_start")

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._start: Message | None = None

    async def __call__(self, message: Message) -> None:
        """Send a message, or keep it for the next one."""
        start, self._start = self._start, None
        if start is None:
            if self._may_be_whole(message):
                self._start = message
            else:
                await self._send(message)
            return
        body = message.get("body", b"")
        head = None if message.get("more_body", False) else _head(self._cycle.default_headers, start, len(body))
        if head is None or self._cycle.disconnected or self._cycle.flow.write_paused:
            await self._send(start)
            await self._send(message)
        else:
            self._write(head + body)

    def _may_be_whole(self, message: Message) -> bool:
        cycle = self._cycle
        if message["type"] != "http.response.start" or cycle.response_started or not cycle.keep_alive:
            return False
        return cycle.scope["method"] != "HEAD" and any(name == _LENGTH for name, _ in message["headers"])

    def _write(self, content: bytes) -> None:
        """All that uvicorn does at the end of an answer whose connection is kept."""
        cycle = self._cycle
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        cycle.transport.write(content)
        cycle.message_event.set()
        cycle.on_response()

    async def _send(self, message: Message) -> None:
        # The same messages, of which the two libraries have types of their own.
        await self._cycle.send(cast("ASGISendEvent", message))


def _head(default: Iterable[Header], start: Message, length: int) -> bytes | None:
    """Status line and headers, or None where they are not for us to write."""
    lines = [STATUS_LINE[start["status"]]]
    for header in (*default, *start["headers"]):
        line = _LINES.get(header)
        lines.append(line if line is not None else _line(header, length))
    lines.append(b"\r\n")
    return None if b"" in lines else b"".join(lines)


def _line(header: Header, length: int) -> bytes:
    """A header's line; empty for one that decides about the connection, lies about the length or is malformed."""
    name, value = header
    name = name.lower()
    if name == _LENGTH:
        line = b"%b: %d\r\n" % (name, length)
        return line if line == b"%b: %b\r\n" % header else b""
    if _NO_VALUE.search(value) or (name not in _KNOWN and (name in _OF_CONNECTION or _NO_NAME.search(name))):
        return b""
    return b"%b: %b\r\n" % (name, value)
