"""How a route receives its caller and where the request came from."""

from typing import Annotated

from fastapi import Depends
from fastapi.dependencies.models import Dependant
from fastapi.security import HTTPBearer
from starlette.requests import HTTPConnection, Request

from app.foundation.cookies import Cookies
from app.foundation.csrf import refuse_forgery
from app.foundation.errors import BadRequest, NotAuthenticated
from app.foundation.origin import Origin
from app.foundation.principal import Credentials, NotWhileActing, Principal, ResolverSlot
from app.foundation.provide import provided

# Documents the scheme in OpenAPI; the resolver does the checking and words the refusal.
_bearer_scheme = HTTPBearer(auto_error=False, scheme_name="bearer", bearerFormat="JWT")

KEY_HEADER = "X-API-Key"
_OWN_CALLER = "own_caller"


def credentials_of(connection: HTTPConnection) -> Credentials:
    """What of the request proves who asks: its Authorization headers and session cookies."""
    return Credentials(
        authorization=tuple(connection.headers.getlist("authorization")),
        sessions=provided(connection.app, Cookies).sessions(connection),
        api_keys=tuple(connection.headers.getlist(KEY_HEADER)),
    )


async def refuse_forged(request: Request) -> None:
    """Refuse an unsafe request that is authenticated by cookie and may be another site's. Raises CSRFFailed."""
    cookie = credentials_of(request).cookie
    if cookie is not None:
        await refuse_forgery(request, bound_to=cookie)


async def caller_of(request: Request, *, own_only: bool, acting: bool = False) -> Principal:
    """The request's caller, for endpoints that stand before FastAPI's dependency injection.

    Somebody who acts for a user is refused unless the route lets them in by `acting`: a new route lets nobody in by
    forgetting it. Raises NotAuthenticated, NotWhileActing, AmbiguousCredentials, CSRFFailed, DatabaseUnavailable.
    """
    await refuse_forged(request)
    caller = await provided(request.app, ResolverSlot).resolver.resolve(credentials_of(request), own_only=own_only)
    if caller.actor is not None and not acting:
        raise NotWhileActing("A token of an administrator who acts for a user does not open this.")
    return caller


async def own_caller(request: Request, *, keys: bool = False) -> Principal:
    """The caller for this service itself, asked for once a request however many ask. Raises what `caller_of` raises.

    With `keys` an API key for this service will do; a route that does not say so takes none.
    """
    known = request.scope["state"].get(_OWN_CALLER)
    if isinstance(known, Principal):
        return known
    if keys and KEY_HEADER in request.headers:
        resolver = provided(request.app, ResolverSlot).resolver
        caller = await resolver.resolve_key(credentials_of(request), address=origin_of(request).ip)
    else:
        caller = await caller_of(request, own_only=True)
    request.scope["state"][_OWN_CALLER] = caller
    return caller


async def _own_caller(request: Request, _: Annotated[object, Depends(_bearer_scheme)]) -> Principal:
    return await own_caller(request)


async def _any_caller(request: Request, _: Annotated[object, Depends(_bearer_scheme)]) -> Principal:
    return await caller_of(request, own_only=False)


async def _own_or_acting(request: Request, _: Annotated[object, Depends(_bearer_scheme)]) -> Principal:
    return await caller_of(request, own_only=True, acting=True)


_CALLERS = (_own_caller, _any_caller, _own_or_acting)


def takes_caller(dependant: Dependant) -> bool:
    """Whether a route resolves its caller, by itself or through a dependency."""
    return any(part.call in _CALLERS or takes_caller(part) for part in dependant.dependencies)


Caller = Annotated[Principal, Depends(_own_caller)]
"""A principal whose token was minted for this service itself, or whose session cookie came."""

AnyAudienceCaller = Annotated[Principal, Depends(_any_caller)]
"""A principal whose token may be for any audience: for the few routes that any token of ours opens."""


ActingCaller = Annotated[Principal, Depends(_own_or_acting)]
"""`Caller`, or an administrator who acts for the user."""


async def signed_in(request: Request) -> str | None:
    """Whose live session the request brings, for routes that anyone may call; None without one, or with a bad one."""
    presented = credentials_of(request)
    if not presented.authorization and presented.cookie is None:
        return None
    try:
        principal = await provided(request.app, ResolverSlot).resolver.resolve(presented, own_only=False)
    except (NotAuthenticated, BadRequest):
        return None
    return None if principal.actor is not None else principal.sub


def origin_of(connection: HTTPConnection) -> Origin:
    """The origin that the edge noted on this request."""
    origin: Origin = connection.scope["state"]["origin"]
    return origin


async def _request_origin(connection: HTTPConnection) -> Origin:
    return origin_of(connection)


RequestOrigin = Annotated[Origin, Depends(_request_origin)]
"""Who is asking: the value that every guarded route receives, however the caller proved who they are."""
