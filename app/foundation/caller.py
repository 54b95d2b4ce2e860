"""How a route receives its caller and where the request came from."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPBearer
from starlette.requests import HTTPConnection, Request

from app.foundation.origin import Origin
from app.foundation.principal import Principal, ResolverSlot
from app.foundation.provide import provided

# Documents the scheme in OpenAPI; the resolver does the checking and words the refusal.
_bearer_scheme = HTTPBearer(auto_error=False, scheme_name="bearer", bearerFormat="JWT")


def _authorization(request: Request) -> Sequence[str]:
    return request.headers.getlist("authorization")


async def _own_caller(request: Request, _: Annotated[object, Depends(_bearer_scheme)]) -> Principal:
    return await provided(request.app, ResolverSlot).resolver.resolve(_authorization(request), own_only=True)


async def _any_caller(request: Request, _: Annotated[object, Depends(_bearer_scheme)]) -> Principal:
    return await provided(request.app, ResolverSlot).resolver.resolve(_authorization(request), own_only=False)


Caller = Annotated[Principal, Depends(_own_caller)]
"""A principal whose token was minted for this service itself."""

AnyAudienceCaller = Annotated[Principal, Depends(_any_caller)]
"""A principal whose token may be for any audience: for the few routes that any token of ours opens."""


def origin_of(connection: HTTPConnection) -> Origin:
    """The origin that the edge noted on this request."""
    origin: Origin = connection.scope["state"]["origin"]
    return origin


async def _request_origin(connection: HTTPConnection) -> Origin:
    return origin_of(connection)


RequestOrigin = Annotated[Origin, Depends(_request_origin)]
