"""Access tokens that come in a browser's cookie: how they are read, and proof that a page of ours sent them along."""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.types import Scope

from auth_service_sdk.errors import AmbiguousCredentials, CSRFFailed

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# A cookie's name is a token. Spec: RFC 6265 §4.1.1, RFC 9110 §5.6.2.
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SECURE_SCHEMES = {"http": b"http", "https": b"https", "ws": b"http", "wss": b"https"}


class BrowserCookie:
    """The cookie that may carry the token, and the origins whose pages may send it along unasked.

    Raises ValueError or TypeError for a name or an origin that no browser would send.
    """

    __slots__ = ("_name", "_origins")

    def __init__(self, name: str, allowed_origins: Iterable[str]) -> None:
        if not isinstance(name, str) or _NAME.fullmatch(name) is None:
            raise ValueError(f"cookie must be the name of a cookie such as '__Host-access', got {name!r}")
        self._name = name.encode()
        self._origins = frozenset(origin.encode() for origin in origins(allowed_origins))

    def is_in(self, scope: Scope) -> bool:
        """Whether the request may carry the cookie; cheap, and never false when it does."""
        return any(name == b"cookie" and self._name in value for name, value in scope["headers"])

    def find(self, scope: Scope) -> bytes | None:
        """The token in the cookie, whatever its bytes; None without one. Raises AmbiguousCredentials for two."""
        pairs = (
            pair.partition(b"=")
            for name, value in scope["headers"]
            if name == b"cookie" and self._name in value
            for pair in value.split(b";")
        )
        tokens = [value.strip() for name, _, value in pairs if name.strip() == self._name]
        if len(tokens) > 1:
            raise AmbiguousCredentials("Send the cookie of the access token once.")
        return tokens[0] if tokens and tokens[0] else None

    def refuse_forgery(self, scope: Scope) -> None:
        """Refuse what another site's page may have made the browser send. Raises CSRFFailed.

        A browser adds the cookie by itself, so the cookie proves nothing about who asked. Unsafe methods and every
        WebSocket handshake, which no CORS stands before, need the browser's word on the page that they come from.
        """
        if scope["type"] == "http" and scope["method"] in SAFE_METHODS:
            return
        origin, site, host = (_only(scope, name) for name in (b"origin", b"sec-fetch-site", b"host"))
        if origin in self._origins:
            return
        own = _SECURE_SCHEMES.get(scope.get("scheme", "http"), b"http") + b"://" + host
        if host and origin == own:
            return
        # Where a proxy ends TLS the scheme differs; scripts cannot set Sec-Fetch-Site.
        if site == b"same-origin" and (origin in (b"", b"null") or origin.partition(b"://")[2] == host):
            return
        raise CSRFFailed


def origins(given: Iterable[str]) -> tuple[str, ...]:
    """Check origins as browsers send them. Raises ValueError or TypeError; `*` and `null` would let any page in."""
    if isinstance(given, str):
        raise TypeError(f"allowed_origins must be a list of origins, got the string {given!r}: [{given!r}]")
    checked = tuple(given)
    for origin in checked:
        parts = urlsplit(origin)
        plain = f"{parts.scheme}://{parts.netloc}"
        if parts.scheme not in ("http", "https") or not parts.hostname or origin != plain or not _is_plain(origin):
            raise ValueError(f"allowed_origins: {origin!r} is no origin such as 'https://app.example.com'")
    return checked


def _is_plain(origin: str) -> bool:
    return origin.isascii() and origin.isprintable() and origin == origin.lower() and not set("@*, ") & set(origin)


def _only(scope: Scope, wanted: bytes) -> bytes:
    """The value of a header that came once; empty without it. Raises CSRFFailed where it came twice."""
    values = [value for name, value in scope["headers"] if name == wanted]
    if len(values) > 1:
        raise CSRFFailed
    return values[0] if values else b""
