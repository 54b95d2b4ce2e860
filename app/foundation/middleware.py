"""The outermost middleware: what every request passes and every answer carries."""

import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.foundation.client_address import ClientAddresses
from app.foundation.cors import CORS, speaker
from app.foundation.draining import Drain
from app.foundation.errors import ServiceError
from app.foundation.limits import (
    MAX_BODY_BYTES,
    MAX_HEADER_BYTES,
    MAX_HEADERS,
    MAX_STREAM_BYTES,
    BoundedBody,
    HeadersTooLarge,
    StreamedBody,
    check_length,
)
from app.foundation.logs import log_request
from app.foundation.metrics import FROM_CODE, Histogram
from app.foundation.origin import MAX_USER_AGENT_CHARACTERS, Origin
from app.foundation.problems import render
from app.foundation.ratelimit import answer_headers
from app.foundation.steady_headers import HSTS, SECURITY, Headers
from app.foundation.tracing import current_trace_id, trace_id_from, trace_id_of_span

_READ = frozenset(
    {b"traceparent", b"x-forwarded-for", b"user-agent", b"content-length", b"origin", b"access-control-request-method"}
)

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
_UNMATCHED = "unmatched"
_CLASSES = {None: "broken_off"} | {status: f"{status // 100}xx" for status in range(100, 600)}
_REQUESTS = Histogram(
    "request_seconds",
    "How long requests took, by route, method and class of status.",
    route=FROM_CODE,
    method=_METHODS,
    status=tuple(dict.fromkeys(_CLASSES.values())),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LargeBody:
    """Paths, by how they begin and end, at which a POST may be larger than elsewhere."""

    prefix: str
    suffix: str
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgePolicy:
    """What the edge is told. `https` is whether the public URL is; `drain` is set while the process goes down.

    `streamed` are the methods and paths of the few routes whose bodies have no limit: they read them piece by piece;
    `large` are those that other systems send more to than our own pages would.
    `traced` is whether requests come in spans of OpenTelemetry, whose trace ids are then theirs.
    """

    addresses: ClientAddresses
    cors: CORS
    https: bool
    drain: Drain = field(default_factory=Drain)
    traced: bool = False
    streamed: frozenset[tuple[str, str]] = frozenset()
    large: tuple[LargeBody, ...] = ()


class Edge:
    """Pure ASGI middleware: trace id, limits, CORS, security headers, access log.

    Puts the request's `Origin` into `scope["state"]["origin"]`, and when it came, by the clock of
    `time.perf_counter`, into `arrived_at` beside it. Websockets are refused: nothing here speaks them.
    """

    def __init__(self, app: ASGIApp, policy: EdgePolicy) -> None:
        self._app = app
        self._policy = policy
        self._security = [*SECURITY, HSTS] if policy.https else SECURITY

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        match scope["type"]:
            case "http":
                await self._serve(scope, receive, send)
            case "lifespan":
                await self._app(scope, receive, send)
            case "websocket":
                await receive()
                await send({"type": "websocket.close", "code": 1008})
            case unknown:
                raise ValueError(f"this is no web server's scope: {unknown}")

    async def _serve(self, outer_scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        scope = dict(outer_scope)
        size, seen = _survey(scope)
        origin = self._origin(scope, seen)
        state = scope["state"] = {**scope.get("state", {}), "origin": origin, "arrived_at": started}
        method = scope["method"]
        if method == "HEAD":
            # Whoever answers GET answers HEAD with the same headers. Spec: RFC 9110 §9.3.2.
            scope["method"] = "GET"
        limit, is_streamed = self._limit(scope)
        added = self._added_headers(origin.trace_id)
        reader = _Reader(cors=self._policy.cors, origin=_first(seen, b"origin"), path=scope["path"])
        answer = _Answer(send, added, reader, without_body=method == "HEAD")
        token = current_trace_id.set(origin.trace_id)
        headers_token = answer_headers.set(added)
        reader_token = speaker.set(reader.client)
        try:
            early = self._early_answer(scope, size, seen, limit=limit)
            if early is not None:
                await early(scope, receive, answer)
            else:
                body = StreamedBody(receive) if is_streamed else BoundedBody(receive, limit=limit)
                await self._app(scope, body, answer)
        finally:
            route = state.get("route") or getattr(scope.get("route"), "path", None)
            seconds = time.perf_counter() - started
            _REQUESTS.observe(seconds, route or _UNMATCHED, method, _CLASSES[answer.status])
            log_request(
                method=method,
                path=route or scope["path"],
                matched=route is not None,
                status=answer.status,
                seconds=seconds,
                ip=origin.ip,
                problem=state.get("problem"),
                detail=state.get("problem_detail"),
            )
            speaker.reset(reader_token)
            answer_headers.reset(headers_token)
            current_trace_id.reset(token)

    def _limit(self, scope: Scope) -> tuple[int, bool]:
        """How long this request's body may be, and whether it is read piece by piece."""
        method, path = scope["method"], scope["path"]
        if (method, path) in self._policy.streamed:
            return MAX_STREAM_BYTES, True
        if method == "POST":
            for large in self._policy.large:
                if path.startswith(large.prefix) and path.endswith(large.suffix):
                    return large.limit, False
        return MAX_BODY_BYTES, False

    def _origin(self, scope: Scope, seen: dict[bytes, list[bytes]]) -> Origin:
        peer = scope.get("client")
        user_agent = seen.get(b"user-agent")
        return Origin(
            ip=self._policy.addresses.find(peer[0] if peer else None, seen.get(b"x-forwarded-for", ())),
            user_agent=user_agent[0][:MAX_USER_AGENT_CHARACTERS].decode("latin-1") if user_agent else None,
            trace_id=(trace_id_of_span() if self._policy.traced else None)
            or trace_id_from(_first(seen, b"traceparent")),
        )

    def _added_headers(self, trace_id: str) -> Headers:
        added = [(b"x-trace-id", trace_id.encode("ascii")), *self._security]
        if self._policy.drain.active:
            # Sends the client to another process before this one stops accepting.
            added.append((b"connection", b"close"))
        return added

    def _early_answer(self, scope: Scope, size: int, seen: dict[bytes, list[bytes]], *, limit: int) -> Response | None:
        """What is answered before any route is looked for: refusals by size, and preflights."""
        if size > MAX_HEADER_BYTES or len(scope["headers"]) > MAX_HEADERS:
            return render(scope, HeadersTooLarge())
        try:
            check_length(seen.get(b"content-length", ()), limit=limit)
        except ServiceError as error:
            return render(scope, error)
        if scope["method"] == "OPTIONS" and b"access-control-request-method" in seen:
            headers = self._policy.cors.preflight(_first(seen, b"origin"), scope["path"])
            if headers is not None:
                response = Response(status_code=204)
                response.raw_headers = headers
                return response
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    """Whose script may read the answer. `client` is filled by whoever learns which client asks."""

    cors: CORS
    origin: bytes | None
    path: str
    client: list[str] = field(default_factory=list)

    def headers(self) -> Headers:
        return self.cors.answer(self.origin, self.path, self.client[0] if self.client else None)


class _Answer:
    """A request's `send` that adds the edge's headers, unless the answer has its own, and notes the status."""

    __slots__ = ("_added", "_reader", "_send", "_without_body", "status")

    def __init__(self, send: Send, added: Headers, reader: _Reader, *, without_body: bool) -> None:
        self._send = send
        self._added = added
        self._reader = reader
        self._without_body = without_body
        self.status: int | None = None

    def __call__(self, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            own: Headers = list(message.get("headers", ()))
            names = {name for name, _ in own}
            headers = own + [header for header in self._added if header[0] not in names]
            if b"access-control-allow-origin" not in names:
                # An answer open to everyone says so itself; credentials must never join it.
                headers += self._reader.headers()
            message = {**message, "headers": headers}
        elif self._without_body and message["type"] == "http.response.body":
            message = {**message, "body": b""}
        return self._send(message)


def _survey(scope: Scope) -> tuple[int, dict[bytes, list[bytes]]]:
    """The size of request line and headers in bytes, and those headers that the edge reads."""
    size = len(scope.get("raw_path") or scope["path"]) + len(scope["query_string"])
    seen: dict[bytes, list[bytes]] = {}
    for name, value in scope["headers"]:
        size += len(name) + len(value)
        if name in _READ:
            seen.setdefault(name, []).append(value)
    return size, seen


def _first(seen: dict[bytes, list[bytes]], name: bytes) -> bytes | None:
    values: Sequence[bytes] = seen.get(name, ())
    return values[0] if values else None
