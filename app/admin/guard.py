"""Who may call a route of the admin API: `Annotated[Principal, requires("admin:users:read")]`."""

from typing import Any

from fastapi import Depends
from fastapi.dependencies.models import Dependant
from starlette.requests import Request

from app.audiences.own import ADMIN_SCOPES
from app.foundation.caller import Caller
from app.foundation.fresh import FreshAuth
from app.foundation.principal import InsufficientScope, Principal
from app.foundation.provide import provided


class Guard:
    """The rule of one route: the scope it asks for, and whether for a recent sign-in.

    `idempotent` says that a POST's answer can be kept. Raises ValueError for a scope that nobody can hold.
    """

    def __init__(self, scope: str, *, fresh: bool, idempotent: bool) -> None:
        if scope not in ADMIN_SCOPES:
            raise ValueError(f"{scope} is no scope of the admin API")
        self.scope = scope
        self.fresh = fresh
        self.idempotent = idempotent

    async def __call__(self, request: Request, caller: Caller) -> Principal:
        """The caller, who may. Raises what `check` raises."""
        self.check(request, caller)
        return caller

    def check(self, request: Request, caller: Principal) -> None:
        """Refuse a caller who may not. Raises InsufficientScope, StaleAuthentication."""
        if self.scope not in caller.scopes:
            raise InsufficientScope(self.scope)
        if self.fresh:
            provided(request.app, FreshAuth).require(caller)


def requires(scope: str, *, fresh: bool = False, idempotent: bool = True) -> Any:
    """Make the dependency by which a route of the admin API receives the caller who may call it.

    `fresh` asks for a recent sign-in too, for acts that cannot be undone or that hand out a secret. `idempotent=False`
    is for a POST whose answer is streamed, or which waits for another system: it refuses an `Idempotency-Key`.
    """
    return Depends(Guard(scope, fresh=fresh, idempotent=idempotent))


def guard_of(dependant: Dependant) -> Guard:
    """The one guard of a route. Raises ValueError where there is none, or more than one."""
    guards = [part.call for part in dependant.dependencies if isinstance(part.call, Guard)]
    if len(guards) != 1:
        raise ValueError(f"{dependant.path} has {len(guards)} of `requires(...)`, a route of the admin API has one")
    return guards[0]
