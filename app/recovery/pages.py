"""The pages of recovery: ask for a link, set a new password, and "this was not me"."""

from typing import Annotated
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from app.factors.password.errors import PasswordRefused
from app.factors.password.service import Passwords
from app.factors.password.words import hint, said_of
from app.foundation.caller import RequestOrigin
from app.foundation.form import read_form
from app.foundation.offers import Offers
from app.foundation.pages import PageRouter, Pages
from app.foundation.provide import provide
from app.links.errors import InvalidLink
from app.recovery.interrupt import OwnersInterruption
from app.recovery.service import PasswordRecovery

router = PageRouter()

NEW_PASSWORD_PATH = "/password/new"  # noqa: S105 — an address

Renderer = Annotated[Pages, provide(Pages)]
Recovery = Annotated[PasswordRecovery, provide(PasswordRecovery)]
Interruptions = Annotated[OwnersInterruption, provide(OwnersInterruption)]
Rules = Annotated[Passwords, provide(Passwords)]
Offered = Annotated[Offers, provide(Offers)]


@router.get("/password/forgot")
async def ask(request: Request, pages: Renderer, offers: Offered) -> Response:
    """Ask for the address, or say that no mail is sent from here."""
    return pages.render(request, "pages/password_forgot.html", mails=offers.mail)


@router.post("/password/forgot")
async def send(
    request: Request, pages: Renderer, recovery: Recovery, offers: Offered, *, origin: RequestOrigin
) -> Response:
    """Have a link sent, if the address has an account. The same for every address."""
    if not offers.mail:
        return pages.go_on("/password/forgot")
    fields = await read_form(request)
    await recovery.request(fields.get("email", ""), origin)
    return pages.go_on("/password/sent")


@router.get("/password/sent")
async def sent(request: Request, pages: Renderer) -> Response:
    """Say that a mail is under way, if there is somebody to send it to."""
    return pages.render(request, "pages/password_sent.html")


@router.get(NEW_PASSWORD_PATH)
async def show(request: Request, pages: Renderer, recovery: Recovery, rules: Rules) -> Response:
    """Ask for the new password."""
    raw_token = request.query_params.get("token", "")
    return await _choose(request, pages, recovery, rules, raw_token)


@router.post(NEW_PASSWORD_PATH)
async def set_password(
    request: Request, pages: Renderer, recovery: Recovery, rules: Rules, origin: RequestOrigin
) -> Response:
    """Set it, or ask again for a better one."""
    fields = await read_form(request)
    raw_token = fields.get("token", "")
    try:
        await recovery.reset(raw_token, fields.get("new_password", ""), origin)
    except InvalidLink:
        return _over(request, pages)
    except PasswordRefused as refusal:
        return await _choose(request, pages, recovery, rules, raw_token, refusal=refusal)
    return pages.go_on("/password/changed")


@router.get("/password/changed")
async def changed(request: Request, pages: Renderer) -> Response:
    """Say that it is done."""
    return pages.render(request, "pages/password_changed.html")


@router.get("/not-me")
async def explain(request: Request, pages: Renderer, interruptions: Interruptions) -> Response:
    """Say what the button does. Nothing happens yet."""
    raw_token = request.query_params.get("token", "")
    if not await interruptions.is_pending(raw_token):
        return _over(request, pages)
    return pages.render(request, "pages/not_me.html", token=raw_token)


@router.post("/not-me")
async def interrupt(request: Request, pages: Renderer, interruptions: Interruptions, origin: RequestOrigin) -> Response:
    """End everything in the account."""
    fields = await read_form(request)
    try:
        await interruptions.interrupt(fields.get("token", ""), origin)
    except InvalidLink:
        return _over(request, pages)
    return pages.go_on("/not-me/done")


@router.get("/not-me/done")
async def done(request: Request, pages: Renderer) -> Response:
    """Say what was done and what comes next."""
    return pages.render(request, "pages/not_me_done.html")


async def _choose(
    request: Request,
    pages: Pages,
    recovery: PasswordRecovery,
    rules: Passwords,
    raw_token: str,
    *,
    refusal: PasswordRefused | None = None,
) -> Response:
    email = await recovery.pending(raw_token)
    if email is None:
        return _over(request, pages)
    language = pages.language(request)
    return pages.render(
        request,
        "pages/password_new.html",
        status=200 if refusal is None else refusal.status,
        language=language,
        # What brought the link here: after a refusal it stands in the form alone.
        at=f"{NEW_PASSWORD_PATH}?{urlencode({'token': raw_token})}",
        email=email,
        token=raw_token,
        hint=hint(rules.min_length, language),
        least=rules.min_length,
        shown=request.query_params.get("show") == "1",
        scripts=("password.js",),
        error="" if refusal is None else said_of(refusal, language),
    )


def _over(request: Request, pages: Pages) -> Response:
    return pages.render(request, "pages/link_over.html", status=InvalidLink.status, resets=True)
