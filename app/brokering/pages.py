"""`/auth/oauth/{provider}/start`, its callback, and where the browser goes on after a second factor."""

from typing import Annotated

from starlette.requests import Request
from starlette.responses import Response

from app.brokering.arrival import Arrivals
from app.brokering.browser import answer_of, visit_of
from app.brokering.callback import Callbacks
from app.brokering.case import CALLBACK_PATH, RESUME_PATH
from app.brokering.conclude import Conclusions
from app.brokering.departure import Departures
from app.brokering.failure import Failure
from app.federation.providers.errors import IdentityProviderNotFound
from app.flows.errors import FlowOver
from app.foundation.form import InvalidForm, read_pairs
from app.foundation.pages import PageRouter
from app.foundation.provide import provide
from app.hosted.providers import START_PATH

router = PageRouter(visited=True)

Ended = Annotated[Conclusions, provide(Conclusions)]


@router.get(START_PATH)
async def start(request: Request, provider: str, departures: Annotated[Departures, provide(Departures)]) -> Response:
    """Send the browser to the provider: for an app, for a sign-in at the pages, or for whoever came alone."""
    visit, pairs = visit_of(request), await read_pairs(request)
    asked = dict(pairs)
    if len(asked) != len(pairs):
        raise InvalidForm("A parameter stands there twice.")
    return answer_of(request, await departures.start(provider, asked, visit), visit)


@router.get(CALLBACK_PATH)
async def callback(request: Request, provider: str, callbacks: Annotated[Callbacks, provide(Callbacks)]) -> Response:
    """Take the provider's answer. Nothing but our own page, or the app's registered address, comes after it."""
    visit = visit_of(request)
    return answer_of(request, await callbacks.take(provider, await read_pairs(request), visit), visit)


@router.get(RESUME_PATH)
async def resume(request: Request, arrivals: Annotated[Arrivals, provide(Arrivals)], ended: Ended) -> Response:
    """Go on where a second factor was asked for."""
    visit = visit_of(request)
    try:
        outcome = await arrivals.resume(request.query_params.get("flow", ""), visit)
    except (FlowOver, IdentityProviderNotFound):
        outcome = ended.failed(None, Failure.OVER, None)
    return answer_of(request, outcome, visit)
