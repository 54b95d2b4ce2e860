"""Signing in by a mailed code, by JSON."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.foundation.body import Body
from app.foundation.caller import RequestOrigin
from app.foundation.cookies import Cookies
from app.foundation.language import Languages
from app.foundation.provide import provide, provided
from app.foundation.routing import Router
from app.foundation.secrets import random_secret
from app.foundation.transport import Transport
from app.grants.answer import token_answer
from app.login.email_code import CodeLogin, EmailCodeSignIn

router = Router(tags=["sign-in"])

ByCode = Annotated[EmailCodeSignIn, provide(EmailCodeSignIn)]
_NO_STORE = {"Cache-Control": "no-store"}


class CodeRequestBody(Body):
    """An address, and what the code shall be for."""

    email: str = Field(max_length=1024)
    purpose: Literal["login"]


class CodeChallengeBody(BaseModel):
    """What the answer must name, and for how many seconds it can be given."""

    challenge_id: str
    expires_in: int


class CodeVerifyBody(Body):
    """The code of the mail, and what the tokens shall be for."""

    challenge_id: str = Field(max_length=128)
    code: str = Field(max_length=64)
    audience: str | None = Field(default=None, max_length=512)
    scope: str | None = Field(default=None, max_length=8192)


@router.post("/auth/otp/request", summary="Ask for a code by mail", status_code=202, response_model=CodeChallengeBody)
async def ask(
    request: Request, body: CodeRequestBody, by_code: ByCode, origin: RequestOrigin, browser: Transport
) -> Response:
    """Mail a code to the address, if its account may sign in. The answer is the same for every address.

    Keep `challenge_id` to yourself: without it the code of the mail is worth nothing. A newer request takes the
    place of the older one. With `transport=cookie` the code can be used by this browser alone.
    """
    raw_binding = random_secret() if browser is not None else None
    languages = provided(request.app, Languages)
    locale = languages.negotiate(accept_language=request.headers.get("accept-language")).tag
    asked = await by_code.ask(body.email, origin, locale=locale, raw_binding=raw_binding)
    shown = CodeChallengeBody(challenge_id=asked.raw_challenge, expires_in=asked.expires_in)
    response = JSONResponse(shown.model_dump(), status_code=202, headers=_NO_STORE)
    if raw_binding is not None:
        cookies = provided(request.app, Cookies)
        cookies.put(response, cookies.challenge, raw_binding, max_age_seconds=asked.expires_in)
    return response


@router.post("/auth/otp/verify", summary="Sign in by a mailed code")
async def verify(
    request: Request, body: CodeVerifyBody, by_code: ByCode, origin: RequestOrigin, browser: Transport
) -> Response:
    """Open a session and answer with its first tokens. The address counts as verified from now on.

    One answer for every code that is wrong, too old, used or tried too often, and for every address without an
    account. Whoever has a second factor is asked for it by `mfa_required`.
    """
    cookies = provided(request.app, Cookies)
    presented = CodeLogin(
        raw_challenge=body.challenge_id,
        code=body.code,
        audience=body.audience,
        scope=body.scope,
        browser=browser,
        # A browser without its cookie presents an empty one, which no challenge is bound to.
        raw_binding=None if browser is None else cookies.find(request, cookies.challenge) or "",
    )
    response = token_answer(request, await by_code.verify(presented, origin))
    if browser is not None:
        response.delete_cookie(cookies.challenge, path="/", secure=cookies.secure, httponly=True, samesite="lax")
    return response
