"""Which other origins' scripts may read our answers. Spec: Fetch §3.2."""

from collections.abc import Container, Sequence
from contextvars import ContextVar
from typing import Protocol

from app.foundation.steady_headers import VARY, Headers

_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE"
_REQUEST_HEADERS = (
    b"authorization, content-type, idempotency-key, if-match, if-none-match, traceparent, x-action-token, x-csrf-token"
    # Swagger UI says so when it asks for a token.
    b", x-requested-with"
)
_ANSWER_HEADERS = b"ETag, Location, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, X-Trace-Id"
_PREFLIGHT_SECONDS = b"600"


# Holds the client of the request under way, once somebody has said which it is.
speaker: ContextVar[list[str]] = ContextVar("speaker")


def note_client(client_id: str) -> None:
    """Say whose request this is: from then on the origins of that client alone may read its answer."""
    noted = speaker.get(None)
    if noted is not None:
        noted[:] = [client_id]


class Origins(Protocol):
    """The origins of browser clients, together and each client's own."""

    def __contains__(self, origin: object) -> bool:
        """Whether an origin is any client's."""

    def of(self, client_id: str) -> Container[bytes]:
        """The origins of one client; none where there is no such client."""


class Nobodys:
    """Origins where there are no clients."""

    def __contains__(self, origin: object) -> bool:
        """None is anybody's."""
        return False

    def of(self, _: str) -> Container[bytes]:
        """Nobody has any."""
        return ()


class CORS:
    """The origins of `CORS__ORIGINS`, compared as whole strings. Never `*`, never `null`.

    At `shared_paths` those of `others` may read too: the origins of browser clients at what such a client calls. An
    answer to one client is read by its own origins; what is alike for everybody, such as discovery, by those of all. A
    preflight says of no client, and gives nothing away.
    """

    def __init__(
        self, origins: Sequence[str], *, others: Origins | None = None, shared_paths: frozenset[str] = frozenset()
    ) -> None:
        self._origins = frozenset(origin.encode("ascii") for origin in origins)
        self._others = Nobodys() if others is None else others
        self._shared_paths = shared_paths

    def preflight(self, origin: bytes | None, path: str) -> Headers | None:
        """The answer's headers to a preflight of an allowed origin, else None: it is answered as any OPTIONS is."""
        if origin is None or not self._allows(origin, path):
            return None
        return [
            *self._allowing(origin),
            (b"access-control-allow-methods", _METHODS),
            (b"access-control-allow-headers", _REQUEST_HEADERS),
            (b"access-control-max-age", _PREFLIGHT_SECONDS),
        ]

    def answer(self, origin: bytes | None, path: str, client_id: str | None = None) -> Headers:
        """What to add to any other answer, to the client that asked, if it is known."""
        if not self._origins and path not in self._shared_paths:
            return []
        if origin is None or not self._allows(origin, path, client_id):
            return [VARY]
        return [*self._allowing(origin), (b"access-control-expose-headers", _ANSWER_HEADERS)]

    def _allows(self, origin: bytes, path: str, client_id: str | None = None) -> bool:
        if origin in self._origins:
            return True
        if path not in self._shared_paths:
            return False
        return origin in (self._others if client_id is None else self._others.of(client_id))

    def _allowing(self, origin: bytes) -> Headers:
        return [
            (b"access-control-allow-origin", origin),
            (b"access-control-allow-credentials", b"true"),
            VARY,
        ]
