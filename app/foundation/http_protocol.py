"""uvicorn's HTTP/1.1 protocol with bounds that uvicorn itself does not set.

Without them a header of any size is collected before anybody can refuse it, a connection that says nothing or says
it byte by byte is held for ever, and what uvicorn answers by itself carries no trace id.
"""

import asyncio
import http
import logging
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.foundation.errors import BadRequest, ServiceError
from app.foundation.limits import BODY_SECONDS, MAX_HEADER_BYTES, HeadersTooLarge, RequestTimeout
from app.foundation.problems import problem, refusal_of
from app.foundation.tracing import new_trace_id
from app.foundation.whole_answer import WholeAnswer

# Request line and headers must be whole this long after their first byte, or after the connection opened.
HEADER_SECONDS = 10.0
# What still arrives of a body that was refused is read and thrown away for this long, so that the answer is seen.
DISCARD_SECONDS = 5.0

_logger = logging.getLogger(__name__)


class MalformedRequest(BadRequest):
    """What arrived is not HTTP/1.1. Spec: RFC 9112 §3."""

    code, title = "malformed_request", "This is not an HTTP request"


class BoundedProtocol(HttpToolsProtocol):
    """One connection. Its headers are bounded in size and in time, and its trailers are dropped."""

    header_seconds = HEADER_SECONDS
    body_seconds = BODY_SECONDS
    discard_seconds = DISCARD_SECONDS

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._header_bytes = 0
        self._reads_headers = False
        self._message_whole = True
        self._deadline: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock for the first request."""
        super().connection_made(transport)
        self._arm(self.header_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, then refuse headers that are not whole and too large already."""
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._reads_headers:
            self._header_bytes += len(data)
            if self._header_bytes > MAX_HEADER_BYTES:
                self._refuse(HeadersTooLarge())
        elif self._is_idle and self.timeout_keep_alive_task is None and self._deadline is None:
            # Bytes that begin no request have stopped the keep-alive timer.
            self._arm(self.header_seconds)

    def on_message_begin(self) -> None:
        """A request line begins."""
        super().on_message_begin()
        self._header_bytes = 0
        self._reads_headers = True
        self._message_whole = False
        self._arm(self.header_seconds)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header. A trailer would join the headers of a request that was already judged by them."""
        if self._reads_headers:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The request can be served; its body must begin to arrive in time, or be whole, as the edge counts."""
        self._reads_headers = False
        self._arm(self.body_seconds)
        super().on_headers_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Have a request served, and what answers it whole sent at once."""
        # The messages are those of ASGI, for which uvicorn has types of its own.
        super()._start_asgi_task(cycle, lambda scope, receive, _: app(scope, receive, WholeAnswer(cycle)))

    def on_body(self, body: bytes) -> None:
        """The body arrives. From here on the edge keeps its deadline, and can still answer."""
        self._disarm()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The body is whole."""
        self._message_whole = True
        self._disarm()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The answer is out; a body that nobody wanted may still be arriving."""
        super().on_response_complete()
        if not self._message_whole and not self._reads_headers:
            self._arm(self.discard_seconds)

    def send_400_response(self, msg: str) -> None:
        """Answer what the parser refused."""
        _logger.info("malformed request: %s", msg)
        self._refuse(MalformedRequest())

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: an upgrade that we do not offer is served as the plain request that it also is."""

    @property
    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _arm(self, seconds: float) -> None:
        """Set the deadline. Each request has several: a timer that runs out before the new one is kept for it."""
        self._deadline = self.loop.time() + seconds
        if self._timer is not None and self._timer.when() > self._deadline:
            self._stop_timer()
        if self._timer is None:
            self._timer = self.loop.call_later(seconds, self._look_at_clock)

    def _disarm(self) -> None:
        self._deadline = None

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_at_clock(self) -> None:
        self._timer = None
        if self._deadline is None:
            return
        remaining = self._deadline - self.loop.time()
        if remaining > 0:
            self._timer = self.loop.call_later(remaining, self._look_at_clock)
        else:
            self._too_late()

    def _too_late(self) -> None:
        self._deadline = None
        if self._reads_headers:
            self._refuse(RequestTimeout())
        else:
            self.transport.close()

    def _refuse(self, error: ServiceError) -> None:
        """Answer by hand and close: there is no request that the application could answer."""
        if self._is_idle:
            trace_id = new_trace_id()
            response = problem(refusal_of(error), trace_id)
            phrase = http.HTTPStatus(response.status_code).phrase
            headers = [*response.raw_headers, (b"x-trace-id", trace_id.encode()), (b"connection", b"close")]
            lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
            self.transport.write(
                f"HTTP/1.1 {response.status_code} {phrase}\r\n".encode() + lines + b"\r\n" + bytes(response.body)
            )
            _logger.info("refused before any route: %s", error.code, extra={"trace_id": trace_id})
        self.transport.close()
