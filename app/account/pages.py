"""The page of the link that gives a closed account back: GET shows, POST acts, because mail scanners follow links."""

from typing import Annotated

from fastapi import Query, Request
from starlette.responses import Response

from app.foundation.caller import RequestOrigin
from app.foundation.form import read_form
from app.foundation.pages import PageRouter, Pages
from app.foundation.provide import provide
from app.lifecycle.closing import RESTORE_PAGE, AccountClosing
from app.links.errors import InvalidLink

router = PageRouter()

Closing = Annotated[AccountClosing, provide(AccountClosing)]
HostedPages = Annotated[Pages, provide(Pages)]

# The address holds the token: it is in no cache and in no other site's log.
_HEADERS = {"Cache-Control": "no-store"}


@router.get(RESTORE_PAGE)
async def show(
    request: Request, pages: HostedPages, closing: Closing, token: Annotated[str, Query(max_length=512)] = ""
) -> Response:
    """Ask whether the account shall be kept. Nothing changes."""
    if not await closing.is_restorable(token):
        raise InvalidLink
    return pages.render(request, "pages/restore.html", headers=_HEADERS, token=token, is_restored=False)


@router.post(RESTORE_PAGE)
async def act(request: Request, pages: HostedPages, closing: Closing, origin: RequestOrigin) -> Response:
    """Give the account back."""
    form = await read_form(request)
    await closing.restore(form.get("token", ""), origin)
    return pages.render(request, "pages/restore.html", headers=_HEADERS, token="", is_restored=True)
