"""Rules for routes, as dependencies: `identity: Identity = Depends(require_role("admin"))`.

All of them stand on `require_user`: overriding it by `app.dependency_overrides` overrides the caller for each.
They work in http and websocket routes, add `security` to FastAPI's OpenAPI document, and combine:
`Depends(require_role("admin") | require_scope("orders:write"))`; `&` wants both sides and binds tighter. Without
FastAPI, call them with the connection: `identity = await require_role("admin")(request)`.
"""

import re
import time
from typing import TYPE_CHECKING, Any

from starlette.requests import HTTPConnection

from auth_service_sdk.action_tokens import GUARD_KEY
from auth_service_sdk.configuration import staleness_seconds
from auth_service_sdk.errors import (
    REFUSAL_KEY,
    InsufficientPermission,
    InsufficientRole,
    InsufficientScope,
    InsufficientUserAuthentication,
    MissingToken,
    Refusal,
)
from auth_service_sdk.gate import shown
from auth_service_sdk.guard import Guard, admitting_guard
from auth_service_sdk.identity import Identity
from auth_service_sdk.machines import require_api_key
from auth_service_sdk.requirement import LEVELS, Requirement, Rule, SingleRequirement, Spend

if TYPE_CHECKING:
    from fastapi.openapi.models import HTTPBearer
    from fastapi.security.base import SecurityBase

    HAS_FASTAPI = True
else:
    # FastAPI is optional: without it there is no OpenAPI document to describe the bearer scheme in.
    try:
        from fastapi.openapi.models import HTTPBearer
        from fastapi.security.base import SecurityBase

        HAS_FASTAPI = True
    except ImportError:
        SecurityBase, HAS_FASTAPI = object, False

_ACTION = re.compile(r"[a-z][a-z0-9_-]*(\.[a-z0-9_-]+)*")


class _RequireUser(SecurityBase):
    """Returns the caller: any accepted credential, a user's or a service's. Raises MissingToken when there is none.

    On a public path with a credential that was not accepted, raises what the middleware would have answered.
    """

    scheme_name = "bearer"

    def __init__(self) -> None:
        if HAS_FASTAPI:
            self.model = _bearer_scheme()

    async def __call__(self, connection: HTTPConnection) -> Identity:
        scope = connection.scope
        try:
            identity = scope["state"]["user"]
        except KeyError:
            raise RuntimeError("JWTAuthMiddleware is not installed: app.add_middleware(JWTAuthMiddleware, …)") from None
        if isinstance(identity, Identity):
            return identity
        refusal = scope.get(REFUSAL_KEY)
        raise refusal if isinstance(refusal, Refusal) else MissingToken()


def require_role(*roles: str) -> Requirement:
    """Make a dependency that wants at least one of `roles`; otherwise 403 `insufficient_role`."""
    _check_names("role", roles)
    wanted = frozenset(roles)

    def rule(identity: Identity) -> None:
        if wanted.isdisjoint(identity.roles):
            raise InsufficientRole(f"This needs the role {' or '.join(roles)}.", detail=_has(identity.roles))

    return _requirement(rule, _call("require_role", roles))


def require_scope(*scopes: str) -> Requirement:
    """Make a dependency that wants all of `scopes`; otherwise 403 `insufficient_scope`. Spec: RFC 6750 §3.1."""
    _check_names("scope", scopes)
    wanted = frozenset(scopes)

    def rule(identity: Identity) -> None:
        if not wanted.issubset(identity.scopes):
            scope = " ".join(scopes)
            raise InsufficientScope(f"This needs the scope {scope}.", detail=_has(identity.scopes), scope=scope)

    return _requirement(rule, _call("require_scope", scopes), scopes)


def require_permission(*permissions: str) -> Requirement:
    """Make a dependency that wants all of `permissions`; otherwise 403 `insufficient_permission`."""
    _check_names("permission", permissions)
    wanted = frozenset(permissions)

    def rule(identity: Identity) -> None:
        if not wanted.issubset(identity.permissions):
            raise InsufficientPermission(
                f"This needs the permission {' and '.join(permissions)}.", detail=_has(identity.permissions)
            )

    return _requirement(rule, _call("require_permission", permissions))


def require_fresh_auth(max_age: int) -> Requirement:
    """Make a dependency that wants a sign-in of the last `max_age` seconds, else 401 with a step-up challenge.

    A caller without `auth_time` (a service, an impersonated user) is refused. Spec: RFC 9470 §3.
    """
    if max_age < 1:
        raise ValueError(f"max_age must be at least 1 second, got {max_age}")

    def rule(identity: Identity) -> None:
        if identity.auth_time is None:
            raise InsufficientUserAuthentication(max_age=max_age, detail="the token has no auth_time")
        age = time.time() - identity.auth_time
        if age > max_age:
            raise InsufficientUserAuthentication(max_age=max_age, detail=f"the sign-in is {int(age)} seconds old")

    return _requirement(rule, f"require_fresh_auth(max_age={max_age})")


def require_acr(*acrs: str) -> Requirement:
    """Make a dependency that wants a sign-in of one of these levels or better, else 401 with a step-up challenge.

    `aal1`, `aal2` and `phr` are each better than the one before; any other name satisfies itself alone. A caller
    without `acr` (a service, an impersonated user) is refused. Spec: RFC 9470 §3.
    """
    _check_names("acr", acrs)
    ranks = [LEVELS.index(acr) for acr in acrs if acr in LEVELS]
    accepted = frozenset(acrs) | frozenset(LEVELS[min(ranks) :] if ranks else ())
    acr_values = " ".join(acrs)

    def rule(identity: Identity) -> None:
        if identity.acr not in accepted:
            raise InsufficientUserAuthentication(acr_values=acr_values, detail=f"token has acr {shown(identity.acr)}")

    return _requirement(rule, _call("require_acr", acrs))


def require_action_token(action: str) -> Requirement:
    """Make a dependency that wants an action token for `action`, and spends it; otherwise 403, which names the action.

    The token comes as `X-Action-Token`. Put this rule last, or join it to others by `&`, which spends last by itself:
    what is refused after it has spent the token. A token for one request alone is compared with method, path, query
    and body. When it cannot be spent, 503.
    """
    if not isinstance(action, str) or len(action) > 64 or _ACTION.fullmatch(action) is None:
        raise ValueError(f"name an action such as 'orders.refund': lower case, at most 64 characters, got {action!r}")

    async def spend(connection: HTTPConnection, identity: Identity) -> None:
        tokens = connection.scope.get(GUARD_KEY)
        if tokens is None:
            raise RuntimeError("JWTAuthMiddleware is not installed: app.add_middleware(JWTAuthMiddleware, …)")
        await tokens.spend(connection, identity, action)

    return _requirement(lambda _: None, f"require_action_token({action!r})", spend=spend)


def require_fresh_revocations(staleness: float) -> Requirement:
    """Make a dependency that wants news of revocations at most `staleness` seconds old, for one route.

    Where they are older, or no feed is followed, the service is asked, and 503 is the answer when it cannot be.
    """
    limit = staleness_seconds(staleness)

    async def confirm(connection: HTTPConnection, _identity: Identity) -> None:
        await _guard_of(connection).confirm_beyond(connection.scope, limit)

    return _requirement(lambda _: None, f"require_fresh_revocations({staleness!r})", spend=confirm)


async def _confirm(connection: HTTPConnection, _identity: Identity) -> None:
    await _guard_of(connection).confirm(connection.scope)


def _guard_of(connection: HTTPConnection) -> Guard:
    guard = admitting_guard(connection.scope)
    if guard is None:
        # Somebody else set the user: there is no credential that could be asked for.
        raise MissingToken
    return guard


def source_of(dependency: object) -> str | None:
    """Return how a dependency of this module was written, as in `require_role('admin')`; None for any other one."""
    if isinstance(dependency, Requirement):
        return dependency.source
    known = {id(require_user): "require_user", id(require_api_key): "require_api_key"}
    return known.get(id(dependency))


def _requirement(rule: Rule, source: str, scopes: tuple[str, ...] = (), *, spend: Spend | None = None) -> Requirement:
    return SingleRequirement(require_user, source, rule, scopes=scopes, spend=spend)


def _call(name: str, arguments: tuple[str, ...]) -> str:
    return f"{name}({', '.join(map(repr, arguments))})"


def _bearer_scheme() -> Any:
    return HTTPBearer(bearerFormat="JWT", description="An access token of this service's audience.")


def _check_names(noun: str, names: tuple[str, ...]) -> None:
    if not names or not all(isinstance(name, str) and name and " " not in name for name in names):
        raise ValueError(f"name at least one {noun}, each a string without spaces, got {names!r}")


def _has(names: tuple[str, ...]) -> str:
    return f"token has {shown(' '.join(names))}" if names else "token has none"


require_user = _RequireUser()

require_live_session = _requirement(lambda _: None, "require_live_session", spend=_confirm)
"""A dependency that asks the service at each request whether the caller's session, or API key, still counts.

For the few routes where even a second is too long: `Depends(require_live_session)`. 401 when it does not, 503
`revocation_state_unknown` when it cannot be asked, whatever `on_stale` says.
"""
