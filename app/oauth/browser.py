"""What a browser brings to an authorization, and every form in which it is answered."""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from app.flows.errors import FlowNotFound
from app.foundation.caller import origin_of
from app.foundation.cookies import Cookies
from app.foundation.csrf import CSRF
from app.foundation.pages import Pages
from app.foundation.problems import trace_id_of
from app.foundation.provide import provided
from app.foundation.secrets import is_random_secret, random_secret
from app.foundation.self_posting import self_posting
from app.oauth.case import Answer, Failure, GoTo, Outcome, Question, Visit
from app.oauth.explanations import Explanations
from app.oauth.paths import AUTHORIZE_PATH
from app.protocols.oauth.authorization_parameters import ResponseMode
from app.protocols.oauth.redirect_uri import origin_of_uri


def visit_of(request: Request) -> Visit:
    """The browser's session, and the cookie that its flows belong to."""
    cookies = provided(request.app, Cookies)
    sessions, held = cookies.sessions(request), cookies.find(request, cookies.flow)
    return Visit(
        raw_session=sessions[0] if len(sessions) == 1 else None,
        raw_browser=held if held is not None and is_random_secret(held) else random_secret(),
        origin=origin_of(request),
    )


def answer_of(request: Request, outcome: Outcome, visit: Visit) -> Response:
    """The answer to a browser. A redirect is 303, so that no form is ever sent on. Spec: RFC 9700 §4.12."""
    response = _answer(request, outcome, visit)
    cookies = provided(request.app, Cookies)
    if cookies.find(request, cookies.flow) != visit.raw_browser:
        cookies.put(response, cookies.flow, visit.raw_browser, max_age_seconds=None)
    return response


def _answer(request: Request, outcome: Outcome, visit: Visit) -> Response:
    pages = provided(request.app, Pages)
    match outcome:
        case Answer(target=target) if target.mode is ResponseMode.FORM_POST:
            # Spec: OAuth 2.0 Form Post Response Mode §2.
            return self_posting(
                request, pages, "pages/form_post.html", action=target.redirect_uri, members=outcome.members
            )
        case Answer(target=target, members=members):
            # As it is: a registered URI is never encoded anew.
            return Response(status_code=303, headers={"Location": target.url(members)})
        case GoTo(path=path):
            return pages.go_on(path)
        case Failure():
            return _failure(request, pages, outcome)
        case Question():
            return _question(request, pages, outcome, visit)


def _failure(request: Request, pages: Pages, failure: Failure) -> Response:
    language = pages.language(request)
    explanations = provided(request.app, Explanations)
    if failure.was_told and not explanations.development:
        # What a client was told is between it and us.
        raise FlowNotFound
    # Nothing that came with the request is repeated, in the page's own links neither: they ask for the flow alone.
    kept = {"flow": failure.flow_id} if failure.flow_id else {}
    response = pages.render(
        request,
        "pages/authorization_failed.html",
        status=400,
        headers={"Cache-Control": "no-store"},
        language=language,
        scripts=["copy.js"],
        at=f"{AUTHORIZE_PATH}?{urlencode(kept)}",
        explanation=explanations.of(failure, language),
        reference=trace_id_of(request.scope),
    )
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _question(request: Request, pages: Pages, question: Question, visit: Visit) -> Response:
    case = question.case
    language = pages.language(request, asked=case.request.ui_locales)
    return pages.render(
        request,
        "pages/consent.html",
        headers={"Cache-Control": "no-store"},
        language=language,
        form_target=origin_of_uri(case.target.redirect_uri),
        question=provided(request.app, Explanations).question(question, language),
        flow=case.flow_id,
        csrf_token=provided(request.app, CSRF).token(visit.raw_session or ""),
    )
