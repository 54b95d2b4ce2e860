"""`/oauth/consent`: asking the user whether a client may do what it wants to. GET shows, POST acts."""

from typing import Annotated

from starlette.requests import Request
from starlette.responses import Response

from app.foundation.csrf import CSRFFailed, refuse_forgery
from app.foundation.form import read_form
from app.foundation.pages import PageRouter
from app.foundation.provide import provide
from app.oauth.authorization import CONSENT_PATH, Authorization
from app.oauth.browser import answer_of, visit_of

router = PageRouter(visited=True)

Service = Annotated[Authorization, provide(Authorization)]

ALLOW, DENY = "allow", "deny"


@router.get(CONSENT_PATH)
async def ask(request: Request, service: Service) -> Response:
    """Ask. Nothing is granted yet."""
    visit = visit_of(request)
    return answer_of(request, await service.question(request.query_params.get("flow", ""), visit), visit)


@router.post(CONSENT_PATH)
async def decide(request: Request, service: Service) -> Response:
    """Take the answer: only what says "allow" allows."""
    visit = visit_of(request)
    if visit.raw_session is None:
        raise CSRFFailed("Nobody is signed in here.", detail="no session cookie")
    # The token belongs to the session in which the question was asked, so that nobody answers for somebody else.
    await refuse_forgery(request, bound_to=visit.raw_session)
    fields = await read_form(request)
    outcome = await service.decide(fields.get("flow", ""), visit, agreed=fields.get("decision") == ALLOW)
    return answer_of(request, outcome, visit)
