"""Telling a downstream service whether a token is live."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.foundation.provide import provided
from app.foundation.routing import Router
from app.principals.schemas import Validation
from app.principals.service import BearerPrincipals

router = Router(tags=["tokens"])

_SHOWN = ("sub", "sid", "aud", "scope", "roles", "auth_time", "exp")


@router.hot(
    "GET",
    "/auth/validate",
    summary="Whether this token is live",
    answer=Validation,
    openapi_extra={"security": [{"bearer": []}]},
)
async def validate(request: Request) -> Response:
    """Check the bearer token's signature, and that its session, grant and user are live.

    A token for any audience may ask.
    """
    authorization = request.headers.getlist("authorization")
    _, claims = await provided(request.app, BearerPrincipals).resolve_with_claims(authorization, own_only=False)
    return JSONResponse({"active": True} | {name: claims[name] for name in _SHOWN})
