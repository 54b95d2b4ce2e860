"""`/dev/style`: every part that pages are put together from, for whoever builds one. Mounted in development alone."""

from typing import Annotated

from starlette.requests import Request
from starlette.responses import Response

from app.foundation.pages import PageRouter, Pages
from app.foundation.provide import provide

router = PageRouter()


@router.get("/dev/style")
async def style_page(request: Request, pages: Annotated[Pages, provide(Pages)]) -> Response:
    """All of them on one page; its links show it in both schemes and both directions."""
    return pages.render(request, "pages/style.html", headers={"Cache-Control": "no-store"}, scripts=["password.js"])
