"""Refreshing, for first-party clients."""

from starlette.requests import Request
from starlette.responses import Response

from app.foundation.body import MissingBody, read_json
from app.foundation.caller import origin_of
from app.foundation.cookies import Cookies
from app.foundation.csrf import cookie_bound_to, refuse_forgery
from app.foundation.errors import BadRequest, ServiceError, Unprocessable
from app.foundation.principal import AmbiguousCredentials, MissingToken
from app.foundation.provide import provided
from app.foundation.routing import Router
from app.foundation.transport import TRANSPORT_PARAMETER
from app.grants.answer import CookieTokenResponse, TokenResponse, token_answer
from app.grants.issue import FIRST_PARTY_CLIENT
from app.grants.rotate import RefreshTokenRotation
from app.grants.rotation import RefreshRequest
from app.grants.schemas import RefreshBody

router = Router(tags=["sign-in"])


@router.hot(
    "POST",
    "/auth/refresh",
    summary="Refresh tokens",
    body=RefreshBody,
    answer=TokenResponse | CookieTokenResponse,
    openapi_extra=TRANSPORT_PARAMETER,
)
async def refresh(request: Request) -> Response:
    """Spend a refresh token for a new access token and its successor.

    A lost answer is no theft: within ten seconds the same token gets the same successor again. A spent token
    that comes back later ends its session. Without `refresh_token` in the body the browser's cookie is spent, and
    the new tokens go into cookies: they never come out where a script could read them.
    """
    body, cookie = await _read(request)
    asked = RefreshRequest(client_id=FIRST_PARTY_CLIENT, audience=body.audience, origin=origin_of(request))
    raw_token = cookie or body.refresh_token or ""
    issued = await provided(request.app, RefreshTokenRotation).refresh(raw_token, asked)
    return token_answer(request, issued, by_cookie=cookie is not None)


async def _read(request: Request) -> tuple[RefreshBody, str | None]:
    """The body, and the refresh cookie where that is what is to be spent.

    Raises CSRFFailed before anything is spent when another site's page may have sent the cookie along.
    """
    wanted = request.query_params.getlist("transport")
    if wanted not in ([], ["cookie"]):
        raise BadRequest("The only `transport` is `cookie`.")
    cookies = provided(request.app, Cookies)
    cookie = cookies.find(request, cookies.refresh) or None
    try:
        body = await read_json(request, RefreshBody)
    except MissingBody:
        if cookie is None and not wanted:
            raise
        body = RefreshBody()
    except ServiceError:
        if cookie is not None:
            # Whatever another site's page made of the body, it gets the one answer.
            await refuse_forgery(request, bound_to=cookie_bound_to(request) or "")
        raise
    if body.refresh_token is not None:
        if wanted:
            raise BadRequest("With `transport=cookie` the refresh token comes in its cookie, not in the body.")
        return body, None
    if cookie is None:
        if wanted:
            raise MissingToken("No refresh cookie came.")
        raise Unprocessable("Some values are not right.", faults=[("/refresh_token", "This is required.")])
    if request.headers.getlist("authorization"):
        raise AmbiguousCredentials("The request carries a cookie and an Authorization header.")
    await refuse_forgery(request, bound_to=cookie_bound_to(request) or "")
    return body, cookie
