"""The one sender of requests.

answer = await outbound.send("GET", "https://issuer.example.com/jwks.json", purpose="jwks", max_bytes=65_536)
if answer.status == 200: ...
"""

import asyncio
import ssl
import zlib
from collections.abc import AsyncGenerator, AsyncIterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import version
from time import monotonic

import httpcore2
import httpx2

from app.foundation.http.connecting import JudgedBackend
from app.foundation.http.egress import Egress, TargetRefused, Unresolved
from app.foundation.metrics import FROM_CODE, Counter, Histogram
from app.foundation.secrets import random_bytes
from app.foundation.tracing import current_trace_id, new_trace_id

TOTAL_SECONDS = 10.0
_CONNECT_SECONDS = 5.0
_KEPT_SECONDS = 15.0
_KEPT_CONNECTIONS = 50
_USER_AGENT = f"auth-service/{version('auth-service')}"
_WBITS_GZIP_OR_ZLIB = 47


class Failure(StrEnum):
    """Why no answer came that could be used."""

    REFUSED = "refused"
    UNRESOLVED = "unresolved"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    BROKEN = "broken"
    TOO_LARGE = "too_large"


_CALLS = Counter("outbound_calls", "Requests of ours to others.", unit="requests", purpose=FROM_CODE, result=FROM_CODE)
_SECONDS = Histogram("outbound_call_seconds", "From a request of ours to the end of its answer.", purpose=FROM_CODE)


class CallFailed(Exception):
    """No whole answer came. `status` and `body` hold what had come until then; the message is for an operator."""

    def __init__(self, failure: Failure, message: str, *, status: int | None = None, body: bytes = b"") -> None:
        super().__init__(message)
        self.failure = failure
        self.status = status
        self.body = body


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, whatever its status. Redirects are not followed: a 302 is an answer like any other."""

    status: int
    headers: httpx2.Headers
    body: bytes


class Outbound:
    """Sends requests within the rules of `egress`. Connections are kept for a while; callers bound their own number."""

    def __init__(self, egress: Egress, *, tls: ssl.SSLContext | None = None) -> None:
        self.egress = egress
        self._tls = tls
        self._pools: dict[bool, httpcore2.AsyncConnectionPool] = {}
        self._opening = asyncio.Lock()

    async def close(self) -> None:
        """Let go of connections and threads."""
        for pool in self._pools.values():
            await pool.aclose()
        self._pools.clear()
        self.egress.close()

    async def send(
        self,
        method: str,
        url: str,
        *,
        purpose: str,
        max_bytes: int,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        total_seconds: float = TOTAL_SECONDS,
    ) -> Answer:
        """Send once and read the whole answer: at most `max_bytes`, unpacked, within `total_seconds` all told.

        `purpose` names the caller in the metrics; a closed set. Raises CallFailed.
        """
        started = monotonic()
        result = "cancelled"
        reading = _Reading(max_bytes)
        try:
            async with asyncio.timeout(total_seconds):
                answer = await self._exchange(self._request(method, url, content, headers), reading)
            result = "answered"
        except (TargetRefused, Unresolved, TimeoutError, OSError, zlib.error, *_LIBRARY_ERRORS) as error:
            failed = _failure(error, reading, total_seconds)
            result = failed.failure.value
            raise failed from error
        except CallFailed as failed:
            result = failed.failure.value
            raise
        finally:
            _CALLS.add(purpose, result)
            _SECONDS.observe(monotonic() - started, purpose)
        return answer

    def _request(
        self, method: str, url: str, content: bytes | None, headers: Mapping[str, str] | None
    ) -> httpx2.Request:
        ours = {
            "User-Agent": _USER_AGENT,
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "traceparent": f"00-{current_trace_id.get() or new_trace_id()}-{random_bytes(8).hex()}-01",
        }
        return httpx2.Request(method, self.egress.examine(url), headers=ours | dict(headers or {}), content=content)

    async def _exchange(self, request: httpx2.Request, reading: "_Reading") -> Answer:
        pool = await self._pool(secure=request.url.scheme == "https")
        response = await pool.handle_async_request(
            httpcore2.Request(
                request.method,
                httpcore2.URL(
                    scheme=request.url.raw_scheme,
                    host=request.url.raw_host,
                    port=request.url.port,
                    target=request.url.raw_path,
                ),
                headers=request.headers.raw,
                content=request.read(),
                extensions={"timeout": {"connect": _CONNECT_SECONDS}},
            )
        )
        try:
            headers = httpx2.Headers(response.headers)
            await reading.read(response, headers.get("content-encoding", "identity").strip().lower())
        finally:
            await response.aclose()
        return Answer(response.status, headers, bytes(reading.body))

    async def _pool(self, *, secure: bool) -> httpcore2.AsyncConnectionPool:
        async with self._opening:
            if secure not in self._pools:
                if secure and self._tls is None:
                    # Reading the system's certificates takes 20 ms and the disk.
                    self._tls = await asyncio.to_thread(httpx2.create_ssl_context, trust_env=False)
                self._pools[secure] = httpcore2.AsyncConnectionPool(
                    ssl_context=self._tls if secure else None,
                    max_connections=None,
                    max_keepalive_connections=_KEPT_CONNECTIONS,
                    keepalive_expiry=_KEPT_SECONDS,
                    network_backend=JudgedBackend(self.egress, secure=secure),
                )
            return self._pools[secure]


class _Reading:
    """What has been read of an answer so far."""

    def __init__(self, max_bytes: int) -> None:
        self.status: int | None = None
        self.body = bytearray()
        self._max_bytes = max_bytes

    async def read(self, response: httpcore2.Response, encoding: str) -> None:
        self.status = response.status
        if encoding not in ("identity", "", "gzip", "x-gzip", "deflate"):
            raise CallFailed(Failure.BROKEN, f"the answer is packed as {encoding[:40]!r}", status=self.status)
        unpacker = None if encoding in ("identity", "") else zlib.decompressobj(_WBITS_GZIP_OR_ZLIB)
        async with aclosing(_chunks(response)) as chunks:
            async for chunk in chunks:
                room = self._max_bytes + 1 - len(self.body)
                # Bounded while it unpacks: a few bytes can hold gigabytes.
                self.body += chunk[:room] if unpacker is None else unpacker.decompress(chunk, room)
                if len(self.body) > self._max_bytes:
                    del self.body[self._max_bytes :]
                    raise CallFailed(
                        Failure.TOO_LARGE,
                        f"the answer is longer than {self._max_bytes} bytes",
                        status=self.status,
                        body=bytes(self.body),
                    )


async def _chunks(response: httpcore2.Response) -> AsyncGenerator[bytes, None]:
    assert isinstance(response.stream, AsyncIterable)  # noqa: S101  # the library's type covers its synchronous side too
    async for chunk in response.stream:
        yield chunk


_LIBRARY_ERRORS = (
    httpcore2.TimeoutException,
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.UnsupportedProtocol,
    httpcore2.ConnectionNotAvailable,
)


def _failure(error: Exception, reading: _Reading, total_seconds: float) -> CallFailed:
    """The same failure in our words."""
    if isinstance(error, TargetRefused):
        failure, message = Failure.REFUSED, str(error)
    elif isinstance(error, Unresolved):
        failure, message = Failure.UNRESOLVED, str(error)
    elif isinstance(error, httpcore2.ConnectError) and _is_of_tls(error):
        failure, message = Failure.TLS, str(error)
    elif isinstance(error, httpcore2.ConnectTimeout):
        failure, message = Failure.TIMEOUT, f"no connection within {_CONNECT_SECONDS:g} seconds"
    elif isinstance(error, TimeoutError | httpcore2.TimeoutException):
        failure, message = Failure.TIMEOUT, f"no whole answer within {total_seconds:g} seconds"
    elif isinstance(error, httpcore2.ConnectError):
        failure, message = Failure.CONNECT, f"no connection: {error}"
    else:
        failure, message = Failure.BROKEN, f"{type(error).__name__}: {error}"
    return CallFailed(failure, message[:500], status=reading.status, body=bytes(reading.body))


def _is_of_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False
