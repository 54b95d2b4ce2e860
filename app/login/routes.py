"""Signing in by JSON."""

from typing import Annotated

from starlette.requests import Request
from starlette.responses import Response

from app.foundation.caller import RequestOrigin
from app.foundation.provide import provide
from app.foundation.routing import Router
from app.foundation.transport import Transport
from app.grants.answer import token_answer
from app.login.schemas import LoginRequest
from app.login.service import Login, PasswordLogin

router = Router(tags=["sign-in"])


@router.post("/auth/login", summary="Sign in with a password")
async def log_in(
    request: Request,
    body: LoginRequest,
    login: Annotated[Login, provide(Login)],
    origin: RequestOrigin,
    browser: Transport,
) -> Response:
    """Open a session and answer with its first tokens.

    Without `audience` they are for this service itself. One answer for every failed sign-in: it tells of no
    account.
    """
    presented = PasswordLogin(
        email=body.email, password=body.password, audience=body.audience, scope=body.scope, browser=browser
    )
    return token_answer(request, await login.with_password(presented, origin))
