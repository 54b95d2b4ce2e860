"""Telling whether a token is live, and our own pages their CSRF token."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.foundation.caller import credentials_of
from app.foundation.cookies import Cookies
from app.foundation.csrf import CSRF, cookie_bound_to
from app.foundation.json_answer import JSONAnswer
from app.foundation.provide import provided
from app.foundation.routing import Router
from app.foundation.secrets import random_secret
from app.principals.schemas import CSRFToken, Validation
from app.principals.service import BearerPrincipals, refuse_mixture

router = Router(tags=["tokens"])

_SHOWN = ("sub", "sid", "aud", "scope", "roles", "auth_time", "exp", "act")


@router.hot(
    "GET",
    "/auth/validate",
    summary="Whether this token is live",
    answer=Validation,
    openapi_extra={"security": [{"bearer": []}]},
)
async def validate(request: Request) -> Response:
    """Check the bearer token's signature, and that its session, grant and user are live.

    A token for any audience may ask. A client's own has no `sid` and no `auth_time`: it is live while its client is.
    """
    credentials = credentials_of(request)
    refuse_mixture(credentials)
    bearer = provided(request.app, BearerPrincipals)
    claims = await bearer.validate(credentials.authorization)
    return JSONAnswer({"active": True} | {name: claims[name] for name in _SHOWN if name in claims})


@router.get("/auth/csrf", summary="The token that unsafe requests with cookies carry", response_model=CSRFToken)
async def csrf_token(request: Request) -> Response:
    """Give the CSRF token of this browser, to be sent as `X-CSRF-Token` or as the form field `csrf_token`.

    It belongs to the session cookie and changes with it: ask again after signing in. Without a session it belongs
    to a cookie that this answer sets.
    """
    csrf, cookies = provided(request.app, CSRF), provided(request.app, Cookies)
    bound_to = cookie_bound_to(request)
    visitor = random_secret() if bound_to is None else None
    response = JSONResponse({"csrf_token": csrf.token(bound_to or visitor or "")})
    if visitor is not None:
        cookies.put(response, cookies.visitor, visitor, max_age_seconds=None)
    return response
