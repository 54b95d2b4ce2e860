"""Which redirect URIs a client may register, and whether a request names one of them.

A registered URI is compared as a whole string: no pattern, no prefix, nothing is normalised.
Spec: RFC 6749 §3.1.2, RFC 9700 §2.1 and §4.1, RFC 8252 §7.
"""

import re
from urllib.parse import SplitResult, urlsplit

MAX_CHARACTERS = 512

_LOOPBACK_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})
# Of these any port is right when the request comes: the system gives a native app one at its start. RFC 8252 §7.3.
_LOOPBACK_ADDRESSES = frozenset({"127.0.0.1", "::1"})
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[\x21\x23-\x29\x2b-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7e]+")
# Dots that climb out of a path, plain or escaped.
_CLIMBS = re.compile(r"(?:^|/)(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)


def fault_of(uri: str, *, native: bool) -> str | None:
    """Why a URI cannot be registered, in words; None where it can.

    `native` is whether the client is public, so that it may be an app with a private-use scheme. RFC 8252 §7.1.
    """
    if len(uri) > MAX_CHARACTERS or _URI.fullmatch(uri) is None:
        return f"is no absolute URI of at most {MAX_CHARACTERS} printable characters without * and backslash"
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError:
        return "names no host that could be reached"
    if "#" in uri or _CLIMBS.search(parts.path):
        return "has a fragment, or a path that climbs"
    if parts.scheme in {"https", "http"}:
        return _fault_of_web(parts)
    if not native:
        return "is neither https nor http on loopback"
    # A scheme without a dot belongs to everybody: javascript:, data:, myapp:.
    return None if "." in parts.scheme else "has a scheme that is no domain name read backwards, as com.example.app"


def _fault_of_web(parts: SplitResult) -> str | None:
    if "@" in parts.netloc:
        return "has a user in it"
    if not parts.hostname or parts.netloc.endswith(":"):
        return "names no host that could be reached"
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK_HOSTS:
        return "is http, and not on loopback"
    return None


def is_registered(presented: str, registered: tuple[str, ...], *, native: bool) -> bool:
    """Whether a request's redirect URI is one of the client's: equal, or a loopback address with another port."""
    if presented in registered:
        return True
    if not native or len(presented) > MAX_CHARACTERS:
        return False
    wanted = _without_port(presented)
    return wanted is not None and any(_without_port(uri) == wanted for uri in registered)


def _without_port(uri: str) -> tuple[str, str, str, str] | None:
    """What of a loopback URI must be equal; None for any other."""
    if _URI.fullmatch(uri) is None or "#" in uri:
        return None
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError:
        return None
    if parts.scheme != "http" or "@" in parts.netloc or parts.hostname not in _LOOPBACK_ADDRESSES:
        return None
    return parts.scheme, parts.hostname, parts.path, parts.query


def origin_of_uri(uri: str) -> str:
    """Where a registered URI leads: an origin, or the scheme of a native app with its colon."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in {"https", "http"} else f"{parts.scheme}:"
