"""`assert_requires`: a route is closed to everybody, closed to the wrong caller, and open to the right one."""

import asyncio
import inspect
import re
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from types import FrameType
from typing import Any, TypedDict, Unpack, cast

from auth_service_sdk.route_table import Row, table
from auth_service_sdk.testing.discovery import application_of, calling_frame
from auth_service_sdk.testing.knock import knock
from auth_service_sdk.testing.tokens import AuthAs, Caller, check_names

_PARAMETER = re.compile(r"\{(\w+)(?::(\w+))?\}")
_EXAMPLES = {"float": "1.0", "uuid": "00000000-0000-4000-8000-000000000001"}
Names = str | Sequence[str]


class Way(TypedDict, total=False):
    """One of several ways to be welcome: one of the roles, with all of the scopes and permissions."""

    role: Names
    scope: Names
    permission: Names


class Requirements(TypedDict, total=False):
    """What a route is said to require, how it is called, and where.

    One of several roles is enough; of several scopes or permissions all are needed. `any_of` lists ways of which one
    is enough beside that: `any_of=[{"role": "admin"}, {"scope": "orders:write"}]`. `caller` holds what the caller
    has besides, in the words of `auth_as`. `params` fills the parameters of the path. `client` is a client of the
    application, for what its routes need of one: a lifespan, headers, cookies.
    """

    role: Names
    scope: Names
    permission: Names
    any_of: Sequence[Way]
    method: str
    params: dict[str, str]
    caller: Caller
    app: Any
    client: Any


@dataclass(frozen=True, slots=True)
class _Trial:
    who: str
    headers: dict[str, str]
    is_welcome: bool = False

    def judge(self, what: str, status: int) -> None:
        expected = 403 if self.headers else 401
        passed = status not in (401, 403) if self.is_welcome else status == expected
        # No assert statement: those vanish under `python -O`.
        if not passed:
            wanted = "neither 401 nor 403" if self.is_welcome else str(expected)
            raise AssertionError(f"{what} {self.who}: expected {wanted}, got {status}")


@dataclass(frozen=True, slots=True)
class _Plan:
    app: Any
    client: Any
    method: str
    path: str
    trials: tuple[_Trial, ...]

    async def carry_out(self) -> None:
        for trial in self.trials:
            trial.judge(f"{self.method} {self.path}", await self._ask(trial.headers))

    async def _ask(self, headers: dict[str, str]) -> int:
        if self.client is None or self.method == "WEBSOCKET":
            return await knock(self.app, self.method, self.path, headers)
        # An empty header counts as none, and stands above one that the client always sends.
        headers = {"Authorization": ""} | headers
        answer = self.client.request(self.method, self.path, headers=headers, follow_redirects=False)
        if inspect.isawaitable(answer):
            answer = await answer
        return cast("int", answer.status_code)  # of a library that may be any of three


class AssertRequires:
    """Checks a route: 401 without a token, 403 with a token that lacks something, neither with all that it requires.

    A route is named by its path (as it was written, or a concrete one), its route object or its endpoint function;
    the handler runs when the caller is welcome. With GET among a path's methods, `method` may be left out.
    """

    def __init__(self, auth_as: AuthAs) -> None:
        self._auth_as = auth_as

    def __call__(self, route: Any, **requirements: Unpack[Requirements]) -> None:
        """Raise AssertionError, with the first answer that was not as required."""
        if inspect.iscoroutinefunction(getattr(requirements.get("client"), "request", None)):
            raise TypeError("this client is asynchronous: await async_assert_requires(…)")
        plan = _plan(self._auth_as, route, requirements, calling_frame())
        # In a thread: it works inside a running loop too, and leaves the loop of this thread alone.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, plan.carry_out()).result()


class AsyncAssertRequires:
    """The same in the running event loop."""

    def __init__(self, auth_as: AuthAs) -> None:
        self._auth_as = auth_as

    def __call__(self, route: Any, **requirements: Unpack[Requirements]) -> Coroutine[Any, Any, None]:
        """Raise AssertionError, once awaited, with the first answer that was not as required."""
        return _plan(self._auth_as, route, requirements, calling_frame()).carry_out()


def _plan(auth_as: AuthAs, route: Any, requirements: Requirements, frame: FrameType | None) -> _Plan:
    check_names("assert_requires", requirements, Requirements)
    client = requirements.get("client")
    app = requirements.get("app", client)
    app = application_of(auth_as.application(frame) if app is None else app)
    row = _row(table(app), route, requirements.get("method"))
    if not row.guards:
        raise AssertionError(f"{row.method} {row.path}: no JWTAuthMiddleware stands before it")
    first = row.guards[0]
    aim: Caller = {
        "issuer": first.expected.issuer,
        "audience": sorted({min(guard.expected.audiences) for guard in row.guards}),
    }
    if not first.trusts_service:
        aim = {"issuer": first.foreign[0]}
    trials = tuple(_trials(auth_as, requirements, aim | requirements.get("caller", {})))
    path = route if isinstance(route, str) and route != row.path else _filled(row.path, requirements.get("params", {}))
    method = "GET" if row.method == "*" else row.method
    return _Plan(app, client, method, path, trials)


@dataclass(frozen=True, slots=True)
class _Rights:
    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()

    def __add__(self, other: "_Rights") -> "_Rights":
        return _Rights(self.roles + other.roles, self.scopes + other.scopes, self.permissions + other.permissions)

    def each(self) -> Iterator[tuple[str, "_Rights"]]:
        """What is wanted, part by part, and the rest without it."""
        if self.roles:
            yield f"the role {' or '.join(self.roles)}", replace(self, roles=())
        for scope in self.scopes:
            yield f"the scope {scope}", replace(self, scopes=tuple(name for name in self.scopes if name != scope))
        for permission in self.permissions:
            rest = tuple(name for name in self.permissions if name != permission)
            yield f"the permission {permission}", replace(self, permissions=rest)

    def enough(self) -> Iterator["_Rights"]:
        """What is enough: each role by itself, with all the rest."""
        yield from [replace(self, roles=(role,)) for role in self.roles] or [self]

    def __str__(self) -> str:
        return " and ".join((*self.roles, *self.scopes, *self.permissions))


def _trials(auth_as: AuthAs, requirements: Requirements, caller: Caller) -> Iterator[_Trial]:
    always = _rights(requirements)
    ways = [_way(wanted) for wanted in requirements.get("any_of", ())]
    if not (str(always) or ways) or not all(str(way) for way in ways):
        raise ValueError("say what the route requires: role=…, scope=…, permission=… or any_of=[{…}, …], none empty")

    def headers(held: _Rights) -> dict[str, str]:
        rights: Caller = {
            "roles": [*caller.get("roles", ()), *held.roles],
            "scopes": [*caller.get("scopes", ()), *held.scopes],
            "permissions": [*caller.get("permissions", ()), *held.permissions],
        }
        return auth_as(**(caller | rights))

    yield _Trial("without a token", {})
    first = next((ways or [_Rights()])[0].enough())
    for missing, rest in always.each():
        yield _Trial(f"without {missing}", headers(rest + first))
    base = next(always.enough())
    if ways:
        yield _Trial(f"without {', or '.join(map(str, ways))}", headers(base))
    for way in ways:
        # A part that is another way by itself is no part whose lack is refused.
        lacking = [(missing, rest) for missing, rest in way.each() if str(rest) and not _opens(rest, ways)]
        for missing, rest in lacking:
            yield _Trial(f"with {rest} without {missing}", headers(base + rest))
    for held in [base + some for way in ways for some in way.enough()] or list(always.enough()):
        yield _Trial(f"with {held}", headers(held), True)  # noqa: FBT003


def _opens(held: _Rights, ways: Sequence[_Rights]) -> bool:
    return any(
        (not way.roles or set(way.roles) & set(held.roles))
        and set(way.scopes) <= set(held.scopes)
        and set(way.permissions) <= set(held.permissions)
        for way in ways
    )


def _way(wanted: Way) -> _Rights:
    check_names("any_of", wanted, Way)
    return _rights(wanted)


def _rights(wanted: Requirements | Way) -> _Rights:
    return _Rights(
        roles=tuple(_list(wanted.get("role"))),
        scopes=tuple(_list(wanted.get("scope"))),
        permissions=tuple(_list(wanted.get("permission"))),
    )


def _list(names: Names | None) -> list[str]:
    return [] if names is None else [names] if isinstance(names, str) else list(names)


def _row(rows: list[Row], route: Any, method: str | None) -> Row:
    """The row of a route. Raises LookupError when there is none, ValueError when it takes `method` to tell."""
    if isinstance(route, str):
        path = route.partition("?")[0]
        fitting = [row for row in rows if row.path == path] or [row for row in rows if _fits(row.path, path)]
    else:
        endpoint, path = getattr(route, "endpoint", route), getattr(route, "path", "")
        fitting = [row for row in rows if row.endpoint is endpoint and row.path.endswith(path)]
    if method is not None:
        fitting = [row for row in fitting if row.method in (method.upper(), "*")]
    if not fitting:
        raise LookupError(f"the application has no route {route!r}" + (f" for {method}" if method else ""))
    # As a router does: the first that fits.
    same = {row.method: row for row in reversed(fitting) if row.path == fitting[0].path}
    if "GET" not in same and len(same) > 1:
        raise ValueError(f"{fitting[0].path} has several methods: say which, method={' or '.join(map(repr, same))}")
    return same.get("GET", fitting[0])


def _fits(template: str, path: str) -> bool:
    expression = re.escape(_PARAMETER.sub(lambda match: "\0" if match[2] == "path" else "\1", template))
    return re.fullmatch(expression.replace("\0", ".*").replace("\1", "[^/]+"), path) is not None


def _filled(template: str, params: dict[str, str]) -> str:
    return _PARAMETER.sub(lambda match: params.get(match[1], _EXAMPLES.get(match[2] or "", "1")), template)
