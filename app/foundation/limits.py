"""Bounds on what a request may send, enforced before anything reads it."""

import asyncio
from collections.abc import Sequence

from starlette.types import Message, Receive

from app.foundation.errors import BadRequest, ServiceError

MAX_HEADER_BYTES = 16 * 1024
MAX_HEADERS = 100
MAX_BODY_BYTES = 64 * 1024
# What is streamed is bounded by whoever reads it; this is a number that a length still is.
MAX_STREAM_BYTES = 2**50
# A body that began to arrive must be whole this long after.
BODY_SECONDS = 20.0
_MAX_LENGTH_DIGITS = 18


class HeadersTooLarge(ServiceError):
    """Request line and headers together exceed 16 kB, or there are more than 100. Spec: RFC 6585 §5."""

    status, code, title = 431, "headers_too_large", "The request's headers are too large"


class BodyTooLarge(ServiceError):
    """The body exceeds the limit. Spec: RFC 9110 §15.5.14."""

    status, code, title = 413, "body_too_large", "The body is too large"


class RequestTimeout(ServiceError):
    """The body did not arrive in time. Spec: RFC 9110 §15.5.9."""

    status, code, title = 408, "request_timeout", "The request took too long to arrive"


class InvalidLength(BadRequest):
    """Content-Length is no number, or stands there twice."""

    code, title = "invalid_content_length", "Content-Length is not right"


def check_length(declared: Sequence[bytes], *, limit: int = MAX_BODY_BYTES) -> None:
    """Refuse a body by its Content-Length, before a byte of it is read. Raises BodyTooLarge, InvalidLength."""
    if not declared:
        return
    if len(declared) > 1 or not declared[0].isdigit():
        raise InvalidLength
    if len(declared[0]) > _MAX_LENGTH_DIGITS or int(declared[0]) > limit:
        raise BodyTooLarge


class StreamedBody:
    """A request's `receive` for a body of any length, of which some must arrive every twenty seconds.

    Whoever reads it bounds what they keep. Raises RequestTimeout.
    """

    __slots__ = ("_receive", "_whole")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._whole = False

    async def __call__(self) -> Message:
        """The next message."""
        if self._whole:
            return await self._receive()
        try:
            async with asyncio.timeout(BODY_SECONDS):
                message = await self._receive()
        except TimeoutError:
            raise RequestTimeout from None
        self._whole = not message.get("more_body", False)
        return message


class BoundedBody:
    """A request's `receive` that counts what arrives, whatever Content-Length said, and keeps a deadline.

    Raises BodyTooLarge and RequestTimeout to whoever reads. After the body it only waits for the disconnect,
    without a deadline.
    """

    __slots__ = ("_deadline", "_left", "_receive", "_seconds", "_whole")

    def __init__(self, receive: Receive, *, limit: int = MAX_BODY_BYTES, seconds: float = BODY_SECONDS) -> None:
        self._receive = receive
        self._left = limit
        self._seconds = seconds
        self._deadline: float | None = None
        self._whole = False

    async def __call__(self) -> Message:
        """The next message."""
        if self._whole:
            return await self._receive()
        if self._deadline is None:
            # Most bodies come whole with the first message. A deadline would cost each of them as much as all of
            # the edge; where the first message never comes, the server's protocol cuts the connection.
            message = await self._receive()
            self._deadline = asyncio.get_running_loop().time() + self._seconds
        else:
            message = await self._before_deadline(self._deadline)
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise BodyTooLarge
        self._whole = not message.get("more_body", False)
        return message

    async def _before_deadline(self, deadline: float) -> Message:
        try:
            async with asyncio.timeout_at(deadline):
                return await self._receive()
        except TimeoutError:
            raise RequestTimeout from None
