"""Which other origins' scripts may read our answers. Spec: Fetch §3.2."""

from collections.abc import Container, Sequence

Headers = list[tuple[bytes, bytes]]

_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE"
_REQUEST_HEADERS = (
    b"authorization, content-type, idempotency-key, if-match, if-none-match, traceparent, x-action-token, x-csrf-token"
    # Swagger UI says so when it asks for a token.
    b", x-requested-with"
)
_ANSWER_HEADERS = b"ETag, Location, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, X-Trace-Id"
_PREFLIGHT_SECONDS = b"600"
_VARY = (b"vary", b"Origin")


class CORS:
    """The origins of `CORS__ORIGINS`, compared as whole strings. Never `*`, never `null`.

    At `shared_paths` those of `others` may read too: the origins of browser clients at what such a client calls.
    """

    def __init__(
        self, origins: Sequence[str], *, others: Container[bytes] = (), shared_paths: frozenset[str] = frozenset()
    ) -> None:
        self._origins = frozenset(origin.encode("ascii") for origin in origins)
        self._others = others
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

    def answer(self, origin: bytes | None, path: str) -> Headers:
        """What to add to any other answer."""
        if not self._origins and path not in self._shared_paths:
            return []
        if origin is None or not self._allows(origin, path):
            return [_VARY]
        return [*self._allowing(origin), (b"access-control-expose-headers", _ANSWER_HEADERS)]

    def _allows(self, origin: bytes, path: str) -> bool:
        return origin in self._origins or (path in self._shared_paths and origin in self._others)

    def _allowing(self, origin: bytes) -> Headers:
        return [
            (b"access-control-allow-origin", origin),
            (b"access-control-allow-credentials", b"true"),
            _VARY,
        ]
