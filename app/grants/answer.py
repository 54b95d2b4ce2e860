"""The one token answer: every route that hands out tokens ends here, whichever way they travel."""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from app.foundation.cookies import Cookies
from app.foundation.json_answer import JSONAnswer
from app.foundation.provide import provided
from app.grants.mint import IssuedTokens


class TokenResponse(BaseModel):
    """Tokens. Spec: RFC 6749 §5.1. `refresh_expires_in` is in seconds, like `expires_in`."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    refresh_token: str
    refresh_expires_in: int
    scope: str


class CookieTokenResponse(BaseModel):
    """What is left of a token response whose tokens went into cookies."""

    expires_in: int
    refresh_expires_in: int
    scope: str


def token_answer(
    request: Request, issued: IssuedTokens, *, by_cookie: bool = False, more: Mapping[str, object] | None = None
) -> Response:
    """The tokens in the body; or in cookies, if the session is a browser's that has just got its session cookie.

    `by_cookie` says that they came by cookie and so go by cookie, where the session cookie stays what it is. Then
    the body holds `expires_in`, `refresh_expires_in` and `scope`, and nothing that proves anything: what a script
    cannot read, a script cannot leak. `more` stands beside it, such as recovery codes that are shown once.
    """
    if issued.session_cookie is None and not by_cookie:
        return JSONAnswer({**issued.as_json(), **(more or {})})
    body = {"expires_in": issued.expires_in, "refresh_expires_in": issued.refresh_expires_in, "scope": issued.scope}
    response = JSONAnswer({**body, **(more or {})})
    put_tokens(request, response, issued)
    return response


def put_tokens(request: Request, response: Response, issued: IssuedTokens) -> None:
    """Set the cookies of a browser's tokens on any answer."""
    cookies = provided(request.app, Cookies)
    session = issued.session_cookie
    if session is not None:
        cookies.put(response, cookies.session, session.raw_value, max_age_seconds=session.max_age_seconds)
        # The CSRF token of the time before the sign-in ends with it.
        response.delete_cookie(cookies.visitor, path="/", secure=cookies.secure, httponly=True, samesite="lax")
    if issued.trusted_cookie is not None:
        trusted = issued.trusted_cookie
        cookies.put(response, cookies.trusted, trusted.raw_value, max_age_seconds=trusted.max_age_seconds)
    cookies.put(response, cookies.access, issued.access_token, max_age_seconds=issued.expires_in)
    cookies.put(response, cookies.refresh, issued.refresh_token, max_age_seconds=issued.refresh_expires_in)
