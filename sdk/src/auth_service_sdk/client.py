"""The one way out: requests to the authentication service, bounded in time and size."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from weakref import WeakSet, finalize

import httpx2

CONNECT_SECONDS = 2.5
"""More than a second: a lost SYN is sent again after exactly one."""
READ_SECONDS = 3.0
TOTAL_SECONDS = 4.0
MAX_CONNECTIONS = 32

_HEADERS = {"accept-encoding": "identity", "user-agent": "auth-service-sdk"}
_EXTENSIONS = {"timeout": httpx2.Timeout(READ_SECONDS, connect=CONNECT_SECONDS).as_dict()}
# A kept connection that the server has just closed shows as one of these; what we send may be sent again.
_SPENT_CONNECTION = (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError)


class Unreachable(Exception):  # a state of the network, answered by the caller
    """No whole answer came: refused, too slow, too large or cut off. The message says which."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. `headers` is case-insensitive."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer whose body is still coming, in `chunks`."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except TimeoutError:
        raise Unreachable(f"no answer within {TOTAL_SECONDS:g} seconds") from None
    except httpx2.HTTPError as error:
        raise Unreachable(f"{type(error).__name__}: {error}") from None


class ServiceConnection:
    """Sends requests below one base URL.

    No redirects, no proxies or credentials from the environment, no cookies: those are a client's doing, and here is
    only the transport below one, which also costs a third less. There is one connection pool per event loop; each
    closes itself when its loop shuts down or this object is dropped, so that no lifespan is needed.

    `start_over` is called when somebody else begins to answer (see `answered_by`): what was learnt is worth nothing.
    """

    def __init__(self, base_url: str, *, start_over: Callable[[], object] | None = None) -> None:
        self.start_over = start_over
        self._base_url = base_url
        self._urls: dict[str, httpx2.URL] = {}
        self._tls: ssl.SSLContext | None = None
        self._pools: _Pools = {}
        _connections.add(self)
        # At the interpreter's exit there is no loop left to close anything.
        finalize(self, _retire, self._pools).atexit = False

    async def get(self, path: str, *, max_bytes: int, headers: dict[str, str] | None = None, query: str = "") -> Answer:
        """Fetch `path`. Raises Unreachable when no answer of at most `max_bytes` came in TOTAL_SECONDS."""
        url = self._url(path)
        url = url.copy_with(query=query.encode()) if query else url
        return await self._exchange(httpx2.Request("GET", url, **_parts(headers)), max_bytes)

    async def post(self, path: str, content: bytes, *, max_bytes: int, headers: dict[str, str] | None = None) -> Answer:
        """Post to `path` what may be sent twice, because the service knows it again. Raises Unreachable as `get`."""
        request = httpx2.Request("POST", self._url(path), content=content, **_parts(headers))
        return await self._exchange(request, max_bytes)

    @asynccontextmanager
    async def stream(self, path: str, *, headers: dict[str, str]) -> AsyncGenerator["Stream", None]:
        """Open an answer that goes on. Raises Unreachable when it does not begin, or breaks off, or pauses too long.

        Whoever reads it bounds what they take; between two chunks READ_SECONDS may pass.
        """
        pool = await self._pool()
        request = httpx2.Request("GET", self._url(path), **_parts(headers))
        with _explained():
            async with asyncio.timeout(TOTAL_SECONDS):
                response = await pool.handle_async_request(request)
            async with aclosing(response):
                if response.headers.get("content-encoding", "identity") != "identity":
                    raise Unreachable("the answer is compressed, which was not asked for")
                yield Stream(response.status_code, response.headers, response.aiter_raw())

    async def _exchange(self, request: httpx2.Request, max_bytes: int) -> Answer:
        pool = await self._pool()
        with _explained():
            async with asyncio.timeout(TOTAL_SECONDS):
                try:
                    return await self._send(pool, request, max_bytes)
                except _SPENT_CONNECTION:
                    return await self._send(pool, request, max_bytes)

    async def _send(self, pool: httpx2.AsyncBaseTransport, request: httpx2.Request, max_bytes: int) -> Answer:
        response = await pool.handle_async_request(request)
        async with aclosing(response):
            if response.headers.get("content-encoding", "identity") != "identity":
                raise Unreachable("the answer is compressed, which was not asked for")
            body = bytearray()
            # Raw: a decoder could turn a small answer into a huge one between two counts.
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > max_bytes:
                    raise Unreachable(f"the answer is longer than {max_bytes} bytes")
            return Answer(response.status_code, response.headers, bytes(body))

    def _url(self, path: str) -> httpx2.URL:
        """Parse once for each path; there are three."""
        url = self._urls.get(path)
        if url is None:
            url = self._urls[path] = httpx2.URL(self._base_url + path)
        return url

    async def _pool(self) -> httpx2.AsyncBaseTransport:
        if _in_place_of_the_network:
            return _in_place_of_the_network[-1]
        loop = asyncio.get_running_loop()
        pool = self._pools.get(loop)
        if pool is None:
            if self._tls is None:
                self._tls = self._tls_context()
            pool = self._pools[loop] = _Pool(self._tls, loop)
            await pool.open(self._pools)
        return pool.transport

    def _tls_context(self) -> ssl.SSLContext:
        if self._base_url.startswith("https:"):
            return httpx2.create_ssl_context(trust_env=False)
        # Loading the system's certificates takes 20 ms; without them a context trusts nobody.
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _parts(headers: dict[str, str] | None) -> Any:
    return {"headers": _HEADERS | (headers or {}), "extensions": _EXTENSIONS}


class _Pool:
    """A transport that its event loop closes: asyncio closes suspended asynchronous generators when a loop ends."""

    def __init__(self, tls: ssl.SSLContext, loop: asyncio.AbstractEventLoop) -> None:
        self.transport = httpx2.AsyncHTTPTransport(
            limits=httpx2.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS),
            trust_env=False,
            verify=tls,
        )
        self.loop = loop
        self._lifetime: AsyncGenerator[None, None] | None = None
        self._closing: asyncio.Task[None] | None = None

    async def open(self, pools: "_Pools") -> None:
        _standing.difference_update([pool for pool in _standing if pool.loop.is_closed()])
        _standing.add(self)
        self._lifetime = self._live(pools)
        await anext(self._lifetime)

    async def _live(self, pools: "_Pools") -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            pools.pop(self.loop, None)
            _standing.discard(self)
            await self.transport.aclose()

    def close_soon(self) -> None:
        """Let the loop close the transport, from whichever thread; a closed loop has done so itself."""
        with suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self._close)

    def _close(self) -> None:
        if self._lifetime is not None:
            self._closing = self.loop.create_task(self._lifetime.aclose())


_Pools = dict[asyncio.AbstractEventLoop, _Pool]

# Held until they are closed: the garbage collector would take the sockets before anybody could close them.
_standing: set[_Pool] = set()


def _retire(pools: _Pools) -> None:
    """Close the pools of a connection that nobody holds any more."""
    for pool in tuple(pools.values()):
        pool.close_soon()


_connections: WeakSet[ServiceConnection] = WeakSet()
_in_place_of_the_network: list[httpx2.AsyncBaseTransport] = []
_without_feed: list[httpx2.AsyncBaseTransport] = []


@contextmanager
def answered_by(transport: httpx2.AsyncBaseTransport, *, has_feed: bool = True) -> Iterator[None]:
    """Send every request of every connection in this process to `transport`, in place of the network.

    For tests: the seam that `auth_service_sdk.testing` stands on. Connections made before and after are taken over
    alike, in all threads and event loops, whatever their base URL. Blocks may be nested; the innermost one answers.
    Without `has_feed` no feed of revocations is asked for: sessions are confirmed one by one.
    """
    _in_place_of_the_network.append(transport)
    if not has_feed:
        _without_feed.append(transport)
    forget_answers()
    try:
        yield
    finally:
        _in_place_of_the_network.remove(transport)
        if not has_feed:
            _without_feed.remove(transport)
        forget_answers()


def is_answered_in_process() -> bool:
    """Whether `answered_by` stands in for the network: the issuer of a test asks for no credentials."""
    return bool(_in_place_of_the_network)


def has_feed() -> bool:
    """Whether who answers may have a feed of revocations; the issuer of a test has none and is asked each time."""
    return not _in_place_of_the_network or _in_place_of_the_network[-1] not in _without_feed


def forget_answers() -> None:
    """Make everybody who asks through a connection forget what the answers have taught: keys, tokens, sessions."""
    for connection in tuple(_connections):
        if connection.start_over is not None:
            connection.start_over()
