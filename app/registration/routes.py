"""Signing up by JSON."""

from typing import Annotated

from starlette.responses import JSONResponse, Response

from app.foundation.caller import RequestOrigin
from app.foundation.provide import provide
from app.foundation.routing import Router
from app.registration.schemas import SignedUp, SignUpAccepted, SignUpRequest
from app.registration.service import Registration, SignUp

router = Router(tags=["sign-up"])


@router.post(
    "/auth/signup",
    summary="Make an account",
    status_code=201,
    response_model=SignedUp,
    responses={202: {"model": SignUpAccepted, "description": "Accepted, while existence is hidden"}},
)
async def sign_up(
    body: SignUpRequest, registration: Annotated[Registration, provide(Registration)], origin: RequestOrigin
) -> Response:
    """Make an account with an address and a password.

    A password has at least 8 characters (a setting) and at most 256, of any script; below 15 it must be hard to
    guess, and common, leaked and personal ones are refused. An address that has an account is refused by
    `email_taken`, unless the deployment hides who has one: then everyone gets the same 202.
    """
    user = await registration.sign_up(SignUp(email=body.email, password=body.password, name=body.name), origin)
    if user is None:
        return JSONResponse(SignUpAccepted().model_dump(), status_code=202)
    return JSONResponse(SignedUp.of(user).model_dump(), status_code=201)
