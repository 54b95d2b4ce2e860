"""Which routes an application has, and who may use each: read from the application, without a request."""

import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakKeyDictionary

from starlette.middleware import Middleware
from starlette.routing import Host, Mount, Route, WebSocketRoute

from auth_service_sdk.dependencies import source_of
from auth_service_sdk.guard import Guard

_MAX_WRAPPERS = 64
"""Only a bound against a chain of middlewares that points back at itself."""
_RULE_MAKERS = frozenset(
    {
        "require_role",
        "require_scope",
        "require_permission",
        "require_fresh_auth",
        "require_acr",
        "require_action_token",
        "require_fresh_revocations",
    }
)


@dataclass(frozen=True, slots=True)
class Row:
    """One route with one method; `method` is WEBSOCKET for a WebSocket and `*` for whatever a mounted part serves.

    `rules` are the SDK's rules and the dependencies that stand on them, as they were written. `guards` stand on the
    way, outermost first. `public_at` lists the public paths that fall into the route, `*` alone when all of it is
    public. `is_own_page` marks FastAPI's docs.
    """

    method: str
    path: str
    endpoint: Any
    rules: tuple[str, ...]
    guards: tuple[Guard, ...]
    public_at: tuple[str, ...] = ()
    is_own_page: bool = False

    @property
    def is_public(self) -> bool:
        """Whether no token is wanted anywhere in the route."""
        return self.public_at == ("*",)

    @property
    def is_ruled(self) -> bool:
        """Whether somebody has decided who may use the route: by a rule, or by listing all of it as public."""
        return bool(self.guards) and (bool(self.rules) or self.is_public or self.is_own_page)


@dataclass(frozen=True, slots=True)
class _Way:
    """What a request has passed on its way to a router: prefix, and the guards with the prefix each was met at.

    Of several kinds that stand on one application the last decides what is public, the others pass on.
    """

    prefix: str = ""
    guards: tuple[tuple[Guard, str], ...] = ()
    passing: frozenset[int] = frozenset()
    own_pages: frozenset[str] = frozenset()


def table(app: Any) -> list[Row]:
    """List the routes of a FastAPI or Starlette application with those of its included routers and mounts."""
    return list(_rows_below(app, _Way()))


def unwrap(app: Any) -> tuple[list[Guard], Any]:
    """Return the guards around an application, outermost first, and the innermost part that is known to have routes.

    A guard that the application has not built yet is built here, from the same arguments.
    """
    guards: list[Guard] = []
    for _ in range(_MAX_WRAPPERS):
        if isinstance(app, Guard):
            guards.append(app)
        guards += [_built(entry) for entry in getattr(app, "user_middleware", ()) if _is_guard(entry)]
        inner = None if hasattr(app, "routes") else getattr(app, "app", None)
        if inner is None:
            break
        app = inner
    return guards, app


def _is_guard(entry: Middleware) -> bool:
    # Any: Starlette types it as a factory, which a function may be too.
    factory: Any = entry.cls
    return inspect.isclass(factory) and issubclass(factory, Guard)


_guards: WeakKeyDictionary[Middleware, Any] = WeakKeyDictionary()


def _built(entry: Middleware) -> Any:
    if entry not in _guards:
        _guards[entry] = entry.cls(_nowhere, *entry.args, **entry.kwargs)
    return _guards[entry]


async def _nowhere(_scope: Any, _receive: Any, _send: Any) -> None:
    """Stands for the application in a guard that serves no requests."""


def _rows_below(app: Any, way: _Way) -> Iterator[Row]:
    guards, inner = unwrap(app)
    way = _behind(way, guards)
    routes = getattr(inner, "routes", None)
    if routes is None:
        yield from _rows_of(["*"], "/{path:path}", way, endpoint=app)
        return
    pages = ("openapi_url", "docs_url", "redoc_url", "swagger_ui_oauth2_redirect_url")
    way = replace(way, own_pages=frozenset(getattr(inner, page, None) or "" for page in pages) - {""})
    for route in _flat([*routes, *_frontends(inner)]):
        yield from _rows_at(route, way)


def _behind(way: _Way, guards: list[Guard]) -> _Way:
    """The way behind guards that stand on one application, outermost first."""
    passing = {id(guard) for n, guard in enumerate(guards) if any(guard.kind != near.kind for near in guards[n + 1 :])}
    met = tuple((guard, way.prefix) for guard in guards)
    return replace(way, guards=way.guards + met, passing=way.passing | passing)


def _flat(routes: Iterable[Any]) -> Iterator[Any]:
    """Take included routers apart: FastAPI keeps them whole, and says by this function what is in them."""
    try:
        from fastapi.routing import iter_route_contexts  # noqa: PLC0415 - FastAPI is optional
    except ImportError:
        return iter(routes)
    return (getattr(context, "starlette_route", None) or context for context in iter_route_contexts(list(routes)))


def _frontends(app: Any) -> list[Any]:
    """FastAPI serves front-end files after all other routes, and keeps them apart."""
    router = getattr(app, "router", app)
    groups = list(getattr(router, "_low_priority_routes", ()))
    for route in getattr(router, "routes", ()):
        if hasattr(route, "effective_low_priority_routes"):
            groups += route.effective_low_priority_routes()
    return groups


def _rows_at(route: Any, way: _Way) -> Iterator[Row]:
    origin = getattr(route, "original_route", route)
    if isinstance(origin, Mount):
        yield from _rows_below(route.app, replace(way, prefix=way.prefix + route.path))
    elif isinstance(origin, Host):
        yield from _rows_below(route.app, way)
    elif isinstance(origin, Route | WebSocketRoute):
        # A route's own middleware is wrapped around it when it is written.
        guards, _ = unwrap(getattr(origin, "app", None))
        here = _behind(way, guards)
        methods = sorted(route.methods or ["*"]) if isinstance(origin, Route) else ["WEBSOCKET"]
        if "GET" in methods:
            methods = [method for method in methods if method != "HEAD"]
        yield from _rows_of(
            methods, route.path, here, route.endpoint, rules=_rules(route), is_route=type(origin) is Route
        )
    elif hasattr(origin, "dependant"):
        prefix = getattr(route, "frontend_prefix", "")
        for part in origin.routes:
            path = f"{prefix}{part.path}".rstrip("/") + "/{path:path}"
            yield from _rows_of(["GET"], path, way, endpoint=part, rules=_rules(route))
    else:
        yield from _rows_of(["*"], getattr(route, "path", repr(origin)), way, endpoint=origin)


def _rows_of(
    methods: list[str], path: str, way: _Way, endpoint: Any, *, rules: tuple[str, ...] = (), is_route: bool = False
) -> Iterator[Row]:
    whole = way.prefix + path
    for method in methods:
        yield Row(
            method=method,
            path=whole,
            endpoint=endpoint,
            rules=rules,
            guards=tuple(guard for guard, _ in way.guards),
            public_at=_public_at(whole, tuple(pair for pair in way.guards if id(pair[0]) not in way.passing)),
            is_own_page=is_route and path in way.own_pages,
        )


def _rules(route: Any) -> tuple[str, ...]:
    dependant = getattr(route, "dependant", None)
    if dependant is not None:
        return tuple(_rules_below(dependant))
    return tuple(sorted(_rules_called(route.endpoint)))


def _rules_below(dependant: Any) -> Iterator[str]:
    for dependency in dependant.dependencies:
        source = source_of(dependency.call)
        below = [] if source else list(_rules_below(dependency))
        if source:
            yield source
        elif below:
            # A dependency that stands on one of ours may refuse by a rule of its own.
            yield f"{_name(dependency.call)}({', '.join(below)})"


def _rules_called(endpoint: Any) -> set[str]:
    """The rules whose names an endpoint of Starlette speaks of in its code: there they are called, not declared."""
    found = set()
    for function in vars(endpoint).values() if inspect.isclass(endpoint) else [inspect.unwrap(endpoint)]:
        code = getattr(function, "__code__", None)
        if code is None:
            continue
        for name in code.co_names:
            source = source_of(function.__globals__.get(name))
            if source or name in _RULE_MAKERS:
                found.add(source or f"{name}(…)")
    return found


def _name(call: Callable[..., Any]) -> str:
    return getattr(call, "__name__", type(call).__name__)


def _public_at(path: str, guards: tuple[tuple[Guard, str], ...]) -> tuple[str, ...]:
    """The public paths within a route that every guard on the way leaves open."""
    found: list[tuple[str, ...]] = []
    for guard, prefix in guards:
        relative = path[len(prefix) :]
        if guard.public.allow({"path": relative}):
            continue
        found.append(tuple(prefix + pattern for pattern in guard.public.patterns if _meets(relative, pattern)))
    if not found:
        return ("*",) if guards else ()
    # What one guard opens and another one closes is closed; two partly open guards are left to the reader.
    return found[0] if all(found) else ()


def _meets(template: str, pattern: str) -> bool:
    """Whether some path fits both a route's template and a pattern of public paths."""
    is_prefix = pattern.endswith("*")
    wanted, have = pattern.removesuffix("*").split("/"), template.split("/")
    for place, segment in enumerate(wanted):
        is_last = place == len(wanted) - 1
        if place >= len(have):
            return False
        if ":path}" in have[place]:
            return True
        expression = re.sub(r"\\\{[^}]*\\\}", ".+", re.escape(have[place]))
        if is_last and is_prefix:
            return "{" in have[place] or have[place].startswith(segment)
        if re.fullmatch(expression, segment) is None:
            return False
    return len(have) == len(wanted)
