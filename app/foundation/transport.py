"""How a route learns whether its token response shall go into cookies."""

from typing import Annotated, Literal

from fastapi import Depends, Query
from starlette.requests import Request

from app.foundation.browser import BrowserSignIn
from app.foundation.cookies import Cookies
from app.foundation.csrf import refuse_foreign_page
from app.foundation.provide import provided

TRANSPORT_WORDS = "`cookie`: the tokens go into HttpOnly cookies and the body holds none"


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


Transport = Annotated[BrowserSignIn | None, Depends(_transport)]
"""None: the tokens go into the body. Otherwise the sign-in is a browser's: give it to `Sessions.start`."""
