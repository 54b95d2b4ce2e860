"""Signing up by JSON."""

from typing import Annotated

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.foundation.caller import RequestOrigin
from app.foundation.pages import Pages
from app.foundation.provide import provide
from app.foundation.routing import Router
from app.registration.schemas import (
    EmailConfirmation,
    SignedUp,
    SignUpAccepted,
    SignUpRequest,
    VerificationRequest,
)
from app.registration.service import Registration, SignUp
from app.registration.verification import EmailVerification

router = Router(tags=["sign-up"])

Verification = Annotated[EmailVerification, provide(EmailVerification)]


@router.post(
    "/auth/signup",
    summary="Make an account",
    status_code=201,
    response_model=SignedUp,
    responses={202: {"model": SignUpAccepted, "description": "Accepted, while existence is hidden"}},
)
async def sign_up(
    request: Request,
    body: SignUpRequest,
    registration: Annotated[Registration, provide(Registration)],
    pages: Annotated[Pages, provide(Pages)],
    origin: RequestOrigin,
) -> Response:
    """Make an account with an address and a password.

    A password has at least 8 characters (a setting) and at most 256, of any script; below 15 it must be hard to
    guess, and common, leaked and personal ones are refused. An address that has an account is refused by
    `email_taken`, unless the deployment hides who has one: then everyone gets the same 202. A link that confirms the
    address is mailed, in the language that the request prefers.
    """
    locale = pages.language(request).tag
    wanted = SignUp(email=body.email, password=body.password, name=body.name, locale=locale)
    user = await registration.sign_up(wanted, origin)
    if user is None:
        return JSONResponse(SignUpAccepted().model_dump(), status_code=202)
    return JSONResponse(SignedUp.of(user).model_dump(), status_code=201)


@router.post("/auth/email/verify/request", summary="Ask for a link that confirms an address", status_code=202)
async def request_verification(
    body: VerificationRequest, verification: Verification, origin: RequestOrigin
) -> SignUpAccepted:
    """Have a link mailed to the address, if an account waits for it. One answer for every address.

    A newer link ends the older one.
    """
    await verification.request(body.email, origin)
    return SignUpAccepted()


@router.post("/auth/email/verify", summary="Confirm an address by a link's token", status_code=204)
async def confirm(body: EmailConfirmation, verification: Verification, origin: RequestOrigin) -> None:
    """Confirm the address of a new account, or the new address of an account that changes it."""
    await verification.confirm(body.token, origin)
