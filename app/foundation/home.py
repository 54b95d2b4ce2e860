"""The pages that belong to no feature: the start page, and the documentation of the API."""

from typing import Annotated

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from app.foundation.pages import PageRouter, Pages
from app.foundation.provide import provide

router = PageRouter()


@router.get("/")
async def home(request: Request, pages: Annotated[Pages, provide(Pages)]) -> Response:
    """What this is, and where to go on. Nothing here tells more than the API does."""
    return pages.render(request, "pages/home.html")


@router.get("/docs")
async def api_docs(request: Request, pages: Annotated[Pages, provide(Pages)]) -> Response:
    """Swagger UI, from this service alone.

    Its policy is looser than that of the other pages in one thing: Swagger UI writes HTML as text, so that Trusted
    Types cannot be required. What it writes is sanitized, comes from our own OpenAPI document, and could run no
    script: only the page's own two have the nonce.
    """
    words, nonce = pages.render_bare(request, "pages/api_docs.html")
    response = HTMLResponse(words)
    pages.protect(
        response,
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    )
    return response
