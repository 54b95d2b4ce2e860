"""Which paths need no token, or may be served on old news."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

# Whatever a router, a static file server or a proxy behind us could read as another path: dot segments, empty
# segments, backslashes, path parameters, a second layer of percent-encoding, control characters.
_NOT_PLAIN = re.compile(r"(^|/)\.{1,2}(/|$)|//|[\\;%\x00-\x1f\x7f]")
_ENCODED_SEPARATOR = re.compile(rb"%(2f|5c|2e|00)", re.IGNORECASE)


class PublicPaths:
    """Exact paths, and prefixes that end in `*`. A path not in its plain form is never public.

    Paths are compared as the application's own router sees them: without the mount point or `root_path`.
    """

    def __init__(self, patterns: Iterable[str], *, name: str = "public_paths") -> None:
        if isinstance(patterns, str):
            raise TypeError(f"{name} must be a list of paths, got the string {patterns!r}: [{patterns!r}]")
        self.patterns = tuple(patterns)
        exact: set[str] = set()
        prefixes: set[str] = set()
        for pattern in self.patterns:
            plain = pattern.removesuffix("*")
            if not plain.startswith("/") or "*" in plain or _NOT_PLAIN.search(plain):
                raise ValueError(f"{name}: {pattern!r} is no plain path such as '/health' or '/docs/*'")
            (exact if plain == pattern else prefixes).add(plain)
        self._exact = frozenset(exact)
        self._prefixes = tuple(sorted(prefixes))

    def allow(self, scope: Mapping[str, Any]) -> bool:
        """Whether the path of an ASGI scope is among them."""
        path = route_path(scope)
        if path not in self._exact and not path.startswith(self._prefixes):
            return False
        return _NOT_PLAIN.search(path) is None and _ENCODED_SEPARATOR.search(scope.get("raw_path") or b"") is None


def route_path(scope: Mapping[str, Any]) -> str:
    """The path as Starlette's router sees it, so that both speak of the same route."""
    path: str = scope["path"]
    root_path: str = scope.get("root_path", "")
    if root_path and path.startswith(root_path) and path[len(root_path) : len(root_path) + 1] in ("", "/"):
        return path[len(root_path) :]
    return path
