"""How a route learns whether its token response shall go into cookies."""

from typing import Annotated, Any, Literal

from fastapi import Depends, Query
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request

from app.foundation.browser import BrowserSignIn
from app.foundation.cookies import Cookies
from app.foundation.csrf import refuse_foreign_page
from app.foundation.provide import provided

TRANSPORT_WORDS = "`cookie`: the tokens go into HttpOnly cookies and the body holds none"

TRANSPORT_PARAMETER: dict[str, Any] = {
    "parameters": [
        {
            "name": "transport",
            "in": "query",
            "required": False,
            "description": TRANSPORT_WORDS,
            "schema": {"type": "string", "enum": ["cookie"]},
        }
    ]
}
"""How a hot endpoint, which reads its query by itself, tells OpenAPI of it."""


async def _transport(
    request: Request,
    transport: Annotated[Literal["cookie"] | None, Query(description=TRANSPORT_WORDS)] = None,
) -> BrowserSignIn | None:
    return browser_sign_in(request) if transport == "cookie" else None


def browser_sign_in(request: Request) -> BrowserSignIn:
    """What a sign-in by cookies starts from. Raises CSRFFailed when another site's page asks for it."""
    refuse_foreign_page(request)
    cookies = provided(request.app, Cookies)
    sessions = cookies.sessions(request)
    return BrowserSignIn(
        replaces=sessions[0] if len(sessions) == 1 else None, trusted=cookies.find(request, cookies.trusted)
    )


def transport_of(request: Request) -> BrowserSignIn | None:
    """`Transport`, for endpoints that stand before FastAPI's dependency injection.

    Raises CSRFFailed, and RequestValidationError for any other value.
    """
    wanted = request.query_params.get("transport")
    if wanted not in (None, "cookie"):
        raise RequestValidationError([{"type": "literal_error", "loc": ("query", "transport")}])
    return browser_sign_in(request) if wanted == "cookie" else None


Transport = Annotated[BrowserSignIn | None, Depends(_transport)]
"""None: the tokens go into the body. Otherwise the sign-in is a browser's: give it to `Sessions.start`."""
