"""Signing in by JSON."""

from typing import Annotated

from starlette.responses import JSONResponse, Response

from app.foundation.caller import RequestOrigin
from app.foundation.provide import provide
from app.foundation.routing import Router
from app.login.schemas import LoginRequest
from app.login.service import Login, PasswordLogin

router = Router(tags=["sign-in"])


@router.post("/auth/login", summary="Sign in with a password")
async def log_in(body: LoginRequest, login: Annotated[Login, provide(Login)], origin: RequestOrigin) -> Response:
    """Open a session and answer with its first tokens.

    Without `audience` they are for this service itself. One answer for every failed sign-in: it tells of no
    account.
    """
    presented = PasswordLogin(email=body.email, password=body.password, audience=body.audience, scope=body.scope)
    issued = await login.with_password(presented, origin)
    return JSONResponse(issued.as_json())
