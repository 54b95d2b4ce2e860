"""The page after a sign-out: it tells the clients that are told in the browser, and then goes on by itself."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from app.foundation.pages import Pages
from app.foundation.provide import provided
from app.logout.request import LogoutRequest
from app.logout.service import BrowserSignOut, SignedOut


def goodbye(request: Request, done: SignedOut, asked: LogoutRequest, *, at: str) -> Response:
    """Say what is over and what is told of it. `at` is a path of ours that says goodbye too, to whoever asks for it.

    The page's own links lead there, and repeat nothing of the request, such as an ID token that is spent by now. The
    browser keeps its cookies: whoever has ended its session takes them away.
    """
    response = provided(request.app, Pages).render(
        request,
        "pages/logged_out.html",
        headers={"Cache-Control": "no-store"},
        at=at,
        frames=done.frames,
        told=done.told,
        untold=done.untold(but=asked.client_id),
        redirect_uri=asked.redirect_uri,
        client_name=asked.client_name,
    )
    if done.frames:
        _frame(response, done.frames)
        if asked.redirect_uri is not None:
            # The frames need a moment, and the page works without a script.
            seconds = provided(request.app, BrowserSignOut).forward_seconds
            response.headers["Refresh"] = f"{seconds};url={asked.redirect_uri}"
    return response


def place_of(uri: str | None) -> str | None:
    """Where an address leads, as a policy names it: a native app's has no host, and is named by its scheme."""
    if uri is None:
        return None
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else f"{parts.scheme}:"


def _frame(response: Response, frames: Sequence[str]) -> None:
    origins = " ".join(sorted({origin for uri in frames if (origin := place_of(uri)) is not None}))
    response.headers["Content-Security-Policy"] += f"; frame-src {origins}"
