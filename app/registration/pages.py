"""The page behind the link that confirms an address."""

from typing import Annotated

from starlette.requests import Request
from starlette.responses import Response

from app.foundation.caller import RequestOrigin
from app.foundation.form import read_form
from app.foundation.pages import PageRouter, Pages
from app.foundation.provide import provide
from app.links.errors import InvalidLink
from app.registration.verification import EmailVerification

router = PageRouter(prefix="/email")

Renderer = Annotated[Pages, provide(Pages)]
Verification = Annotated[EmailVerification, provide(EmailVerification)]


@router.get("/confirm")
async def show(request: Request, pages: Renderer, verification: Verification) -> Response:
    """Ask whether the address shall be confirmed. Nothing happens yet: programs that scan mail follow links."""
    raw_token = request.query_params.get("token", "")
    email = await verification.pending(raw_token)
    if email is None:
        return pages.render(request, "pages/link_over.html", status=InvalidLink.status, resets=False)
    return pages.render(request, "pages/email_confirm.html", email=email, token=raw_token)


@router.post("/confirm")
async def confirm(request: Request, pages: Renderer, verification: Verification, origin: RequestOrigin) -> Response:
    """Confirm the address."""
    fields = await read_form(request)
    try:
        await verification.confirm(fields.get("token", ""), origin)
    except InvalidLink:
        return pages.render(request, "pages/link_over.html", status=InvalidLink.status, resets=False)
    return pages.go_on("/email/confirmed")


@router.get("/confirmed")
async def confirmed(request: Request, pages: Renderer) -> Response:
    """Say that it is done."""
    return pages.render(request, "pages/email_confirmed.html")
