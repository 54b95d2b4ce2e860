"""Signing in by JSON."""

from dataclasses import replace
from typing import Annotated, Any

from starlette.requests import Request
from starlette.responses import Response

from app.factors.factor import Presented
from app.factors.totp.service import TOTPEnrolment
from app.foundation.body import read_json
from app.foundation.caller import RequestOrigin, origin_of, signed_in
from app.foundation.provide import provide, provided
from app.foundation.routing import Router
from app.foundation.transport import TRANSPORT_PARAMETER, Transport, transport_of
from app.grants.answer import CookieTokenResponse, TokenResponse, token_answer
from app.login.passkey import PasskeyLogin, PasskeySignIn
from app.login.schemas import (
    EnrolConfirmRequest,
    LoginRequest,
    PasskeyLoginRequest,
    SecondFactorRequest,
    VerifyRequest,
)
from app.login.second_step import Answer, SecondStep
from app.login.service import Login, PasswordLogin

router = Router(tags=["sign-in"])


@router.hot(
    "POST",
    "/auth/login",
    summary="Sign in with a password",
    body=LoginRequest,
    answer=TokenResponse | CookieTokenResponse,
    openapi_extra=TRANSPORT_PARAMETER,
)
async def log_in(request: Request) -> Response:
    """Open a session and answer with its first tokens.

    Without `audience` they are for this service itself. One answer for every failed sign-in: it tells of no
    account. After 100 wrong passwords in a row (a setting) the right one is refused like any other, unless the
    request brings an access token or the cookie of that user's live session.
    """
    browser = transport_of(request)
    body = await read_json(request, LoginRequest)
    presented = PasswordLogin(
        email=body.email,
        password=body.password,
        audience=body.audience,
        scope=body.scope,
        browser=browser,
        signed_in=await signed_in(request),
    )
    return token_answer(request, await provided(request.app, Login).with_password(presented, origin_of(request)))


Second = Annotated[SecondStep, provide(SecondStep)]
ByPasskey = Annotated[PasskeySignIn, provide(PasskeySignIn)]


@router.post("/auth/mfa/challenge", summary="Begin to prove a second factor")
async def challenge(body: SecondFactorRequest, second: Second) -> dict[str, Any]:
    """What the factor needs shown first: for `passkey` the `publicKey` of `navigator.credentials.get`.

    `totp` and `recovery_code` need nothing.
    """
    return dict(await second.challenge(body.mfa_token, body.factor))


@router.post("/auth/mfa/verify", summary="Prove a second factor")
async def verify(
    request: Request, body: VerifyRequest, second: Second, origin: RequestOrigin, browser: Transport
) -> Response:
    """Finish a sign-in that was answered by `mfa_required`, and answer with its first tokens.

    The token opens this step alone, for five minutes and five tries (settings).
    """
    presented = Presented(code=body.code, assertion=body.assertion)
    if browser is not None:
        browser = replace(browser, is_to_be_trusted=body.trust_browser)
    issued = await second.verify(body.mfa_token, body.factor, presented, origin, browser=browser)
    return token_answer(request, issued)


@router.post("/auth/mfa/enrol", summary="Begin to enrol a second factor that the sign-in requires")
async def enrol(body: SecondFactorRequest, second: Second) -> dict[str, Any]:
    """For `totp` the secret, its URI and a QR code; for `passkey` the `publicKey` of `navigator.credentials.create`.

    Only for a sign-in whose `mfa_required` said `"step": "enrol"`.
    """
    shown = await second.enrol(body.mfa_token, body.factor)
    return shown.as_json() if isinstance(shown, TOTPEnrolment) else dict(shown)


@router.post("/auth/mfa/enrol/confirm", summary="Finish an enrolment, and the sign-in with it")
async def confirm(
    request: Request, body: EnrolConfirmRequest, second: Second, origin: RequestOrigin, browser: Transport
) -> Response:
    """Answer with the sign-in's first tokens, and with recovery codes that are shown this once."""
    answer = Answer(code=body.code, credential=body.credential, name=body.name)
    issued, enrolled = await second.confirm(body.mfa_token, body.factor, answer, origin, browser=browser)
    return token_answer(request, issued, more={"recovery_codes": list(enrolled.recovery_codes)})


@router.post("/auth/passkeys/options", summary="Begin to sign in with a passkey")
async def passkey_options(by_passkey: ByPasskey) -> dict[str, Any]:
    """The `publicKey` of `navigator.credentials.get`. It names no credential: it is alike for everyone."""
    return dict(await by_passkey.options())


@router.post("/auth/passkeys/verify", summary="Sign in with a passkey")
async def passkey_verify(
    request: Request, body: PasskeyLoginRequest, by_passkey: ByPasskey, origin: RequestOrigin, browser: Transport
) -> Response:
    """Open a session and answer with its first tokens. Nothing more is asked after a passkey."""
    presented = PasskeyLogin(assertion=body.assertion, audience=body.audience, scope=body.scope, browser=browser)
    return token_answer(request, await by_passkey.verify(presented, origin))
