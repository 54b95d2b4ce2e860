"""`/account/identities`: by which providers somebody signs in. GET shows, POST acts, and linking is confirmed."""

from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from app.audit.event import Actor, ActorKind
from app.brokering.browser import answer_of, put_cookies, visit_of
from app.brokering.case import CONFIRM_PATH, GoTo, Leave, Outcome, Visit
from app.brokering.conclude import LINKS_PATH, Conclusions
from app.brokering.failure import Failure
from app.brokering.linking import IdentityLinking, Question
from app.federation.identities.errors import IdentityNotFound, LastWayIn
from app.federation.providers.errors import IdentityProviderNotFound
from app.federation.providers.service import IdentityProviders
from app.flows.errors import FlowOver
from app.foundation.csrf import CSRF, CSRFFailed, refuse_forgery
from app.foundation.form import read_form
from app.foundation.language import N_
from app.foundation.pages import PageRouter, Pages
from app.foundation.provide import provide, provided
from app.hosted.providers import mark_of
from app.lifecycle.identities import IdentityUnlinking

router = PageRouter(visited=True)

Linking = Annotated[IdentityLinking, provide(IdentityLinking)]
Ended = Annotated[Conclusions, provide(Conclusions)]

LINK_PATH, UNLINK_PATH = f"{LINKS_PATH}/link", f"{LINKS_PATH}/unlink"
_LAST = N_("This is your last way to sign in. Set a password or add a passkey first.")
_HEADERS = {"Cache-Control": "no-store"}


@router.get(LINKS_PATH)
async def show(request: Request, linking: Linking) -> Response:
    """Show what is linked, and what could be."""
    return await _show(request, linking, visit_of(request))


@router.post(LINK_PATH)
async def link(request: Request, linking: Linking) -> Response:
    """Begin to link: go to the provider, after a fresh sign-in here."""
    visit = visit_of(request)
    fields = await _own_form(request, visit)
    try:
        outcome = await linking.begin(fields.get("provider", ""), visit)
    except IdentityProviderNotFound:
        outcome = GoTo(path=LINKS_PATH)
    return _answer(request, outcome, visit)


@router.post(UNLINK_PATH)
async def unlink(
    request: Request, linking: Linking, unlinking: Annotated[IdentityUnlinking, provide(IdentityUnlinking)]
) -> Response:
    """Unlink, after a fresh sign-in here."""
    visit = visit_of(request)
    fields = await _own_form(request, visit)
    caller = await linking.fresh(visit)
    if caller is None:
        return _answer(request, await linking.to_sign_in(visit, resume_at=LINKS_PATH), visit)
    actor = Actor(ActorKind.USER, caller.sub)
    try:
        identity_id = UUID(fields.get("identity", ""))
        await unlinking.unlink(caller.user_id, identity_id, keep=caller.session_id, actor=actor, origin=visit.origin)
    except (ValueError, IdentityNotFound):
        return _answer(request, GoTo(path=LINKS_PATH), visit)
    except LastWayIn as refused:
        return await _show(request, linking, visit, alarm=_LAST, status=refused.status)
    return _answer(request, GoTo(path=LINKS_PATH), visit)


@router.get(CONFIRM_PATH)
async def ask(request: Request, linking: Linking, ended: Ended) -> Response:
    """Ask whether the identity that has just come back shall be linked. Nothing is linked yet."""
    visit = visit_of(request)
    try:
        asked = await linking.question(request.query_params.get("flow", ""), visit)
    except (FlowOver, IdentityProviderNotFound):
        return _answer(request, ended.failed(None, Failure.OVER, None), visit)
    return _question(request, asked, visit) if isinstance(asked, Question) else _answer(request, asked, visit)


@router.post(CONFIRM_PATH)
async def decide(request: Request, linking: Linking, ended: Ended) -> Response:
    """Take the answer: only what says "link" links."""
    visit = visit_of(request)
    fields = await _own_form(request, visit)
    try:
        outcome = await linking.decide(fields.get("flow", ""), visit, agreed=fields.get("decision") == "link")
    except (FlowOver, IdentityProviderNotFound):
        outcome = ended.failed(None, Failure.OVER, None)
    return _answer(request, outcome, visit)


async def _own_form(request: Request, visit: Visit) -> Mapping[str, str]:
    """The fields of a form that a page of this very session sent. Raises CSRFFailed."""
    if visit.raw_session is None:
        raise CSRFFailed("Nobody is signed in here.", detail="no session cookie")
    await refuse_forgery(request, bound_to=visit.raw_session)
    return await read_form(request)


async def _show(
    request: Request, linking: IdentityLinking, visit: Visit, *, alarm: str = "", status: int = 200
) -> Response:
    caller = await linking.caller(visit)
    if caller is None:
        return _answer(request, await linking.to_sign_in(visit, resume_at=LINKS_PATH), visit)
    pages = provided(request.app, Pages)
    language = pages.language(request)
    linked = await provided(request.app, IdentityUnlinking).list_of(caller.user_id)
    shown = await provided(request.app, IdentityProviders).shown()
    names = {connection.id: connection.name for connection in shown}
    marks = {connection.id: mark_of(connection) for connection in shown}
    taken = {one.connection_id for one in linked}
    return pages.render(
        request,
        "pages/identities.html",
        status=status,
        headers=_HEADERS,
        at=LINKS_PATH,
        language=language,
        user=caller.email,
        alarm=language.gettext(alarm) if alarm else "",
        linked=[
            {
                "id": str(one.id),
                "provider": names.get(one.connection_id, one.connection_id),
                "mark": marks.get(one.connection_id, "company"),
                "email": one.email,
                "since": one.created_at,
            }
            for one in linked
        ],
        offered=[{"id": one.id, "name": one.name, "mark": marks[one.id]} for one in shown if one.id not in taken],
        csrf_token=provided(request.app, CSRF).token(visit.raw_session or ""),
    )


def _question(request: Request, asked: Question, visit: Visit) -> Response:
    identity = asked.identity
    response = provided(request.app, Pages).render(
        request,
        "pages/identity_confirm.html",
        headers=_HEADERS,
        provider=asked.connection.name,
        theirs=identity.email or identity.name or identity.subject,
        user=asked.caller.email,
        flow=asked.flow_id,
        csrf_token=provided(request.app, CSRF).token(visit.raw_session or ""),
    )
    response.headers["Referrer-Policy"] = "same-origin"
    return response


def _answer(request: Request, outcome: Outcome, visit: Visit) -> Response:
    if not isinstance(outcome, Leave) or outcome.fields is not None:
        return answer_of(request, outcome, visit)
    # Browsers hold the redirects after a form to the places that its page named: a page in between leads anywhere.
    response = provided(request.app, Pages).render(
        request, "login/leaving.html", headers=_HEADERS, at=LINKS_PATH, provider="", url=outcome.url
    )
    put_cookies(request, response, visit)
    response.headers["Refresh"] = f"0; url={outcome.url}"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
