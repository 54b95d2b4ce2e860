"""`/oauth/authorize`, and where the browser comes back to it: requests in, answers out. Spec: RFC 6749 §3.1, §4.1.

A refusal that may not go to a client is a page.
"""

from typing import Annotated
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from app.foundation.form import InvalidForm, read_pairs
from app.foundation.open_pages import OpenPageRouter
from app.foundation.pages import PageRouter, Pages
from app.foundation.provide import provide
from app.oauth.authorization import Authorization
from app.oauth.browser import answer_of, visit_of
from app.oauth.paths import AUTHORIZE_PATH
from app.oauth.progress import RESUME_PATH

# Within what a browser and every proxy on the way take as an address.
MAX_QUERY_CHARACTERS = 8000
# What the links of a failure's page ask for: the same words in another language or light.
_AGAIN = frozenset({"flow", "ui_locales", "theme"})

Service = Annotated[Authorization, provide(Authorization)]
Renderer = Annotated[Pages, provide(Pages)]

router = OpenPageRouter(tags=["oauth"])
resumption = PageRouter(visited=True)


@router.get(AUTHORIZE_PATH)
async def authorize(request: Request, service: Service) -> Response:
    """Let a client in, once its user is signed in and agrees. With a flow alone: why that one failed, once more."""
    visit, pairs = visit_of(request), await read_pairs(request)
    named = dict(pairs)
    if "flow" in named and named.keys() <= _AGAIN:
        return answer_of(request, await service.failure(named["flow"]), visit)
    return answer_of(request, await service.begin(pairs, visit), visit)


@router.post(AUTHORIZE_PATH)
async def authorize_by_form(request: Request, pages: Renderer) -> Response:
    """The same request from a form. Spec: OpenID Connect Core §3.1.2.1."""
    query = urlencode(await read_pairs(request))
    if len(query) > MAX_QUERY_CHARACTERS:
        raise InvalidForm("The request is longer than an address can be.")
    # Browsers send no cookie along with another site's form. As an address it is asked for with all of them.
    return pages.go_on(f"{AUTHORIZE_PATH}?{query}")


@resumption.get(RESUME_PATH)
async def resume(request: Request, service: Service) -> Response:
    """Go on where a sign-in has ended."""
    visit = visit_of(request)
    flow_id, another = request.query_params.get("flow", ""), "switch" in request.query_params
    return answer_of(request, await service.resume(flow_id, visit, another_account=another), visit)
