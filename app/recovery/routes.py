"""Recovery by JSON."""

from typing import Annotated

from app.foundation.caller import RequestOrigin
from app.foundation.provide import provide
from app.foundation.routing import Router
from app.recovery.schemas import ForgottenPassword, MailAccepted, PasswordReset
from app.recovery.service import PasswordRecovery

router = Router(tags=["recovery"])

Recovery = Annotated[PasswordRecovery, provide(PasswordRecovery)]


@router.post("/auth/password/forgot", summary="Ask for a link that sets a new password", status_code=202)
async def forgot(body: ForgottenPassword, recovery: Recovery, origin: RequestOrigin) -> MailAccepted:
    """Have a link mailed to the address, if it has an account. One answer for every address.

    A newer link ends the older one, and so does a sign-in.
    """
    await recovery.request(body.email, origin)
    return MailAccepted()


@router.post("/auth/password/reset", summary="Set a new password by a link's token", status_code=204)
async def reset(body: PasswordReset, recovery: Recovery, origin: RequestOrigin) -> None:
    """Set a new password, end every session and tell the owner by mail. It signs nobody in.

    Second factors stay. A password that breaks a rule leaves the link as it is.
    """
    await recovery.reset(body.token, body.new_password, origin)
