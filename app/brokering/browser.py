"""What a browser brings to a federated sign-in, and every form in which it is answered."""

from starlette.requests import Request
from starlette.responses import Response

from app.brokering.case import Failed, GoTo, Leave, Outcome, Visit
from app.brokering.failure import retry_seconds_of, status_of, words_of
from app.foundation.caller import origin_of
from app.foundation.cookies import Cookies
from app.foundation.failure_page import FailurePages, Told
from app.foundation.pages import Pages
from app.foundation.problems import trace_id_of
from app.foundation.provide import provided
from app.foundation.secrets import is_random_secret, random_secret
from app.foundation.self_posting import self_posting
from app.grants.answer import put_tokens
from app.hosted.accounts import KnownAccounts


def visit_of(request: Request) -> Visit:
    """The browser's session, the cookies that its sign-ins belong to, and the language that it reads."""
    cookies = provided(request.app, Cookies)
    sessions = cookies.sessions(request)
    return Visit(
        origin=origin_of(request),
        arrived_at=request.state.arrived_at,
        raw_session=sessions[0] if len(sessions) == 1 else None,
        raw_browser=_held(request, cookies.flow),
        raw_sign_in=_held(request, cookies.sign_in),
        trusted=cookies.find(request, cookies.trusted),
        locale=provided(request.app, Pages).language(request).tag,
    )


def answer_of(request: Request, outcome: Outcome, visit: Visit) -> Response:
    """The answer to a browser. A redirect is 303, so that no form is ever sent on. Spec: RFC 9700 §4.12."""
    response = bare_answer_of(request, outcome)
    put_cookies(request, response, visit)
    if isinstance(outcome, Failed):
        return response
    if outcome.issued is not None:
        put_tokens(request, response, outcome.issued)
    if outcome.came_by is not None:
        provided(request.app, KnownAccounts).remember_provider(
            outcome.came_by, response, provided(request.app, Cookies)
        )
    return response


def put_cookies(request: Request, response: Response, visit: Visit) -> None:
    """Give a browser the cookies that its sign-ins belong to, where it has none."""
    cookies = provided(request.app, Cookies)
    for name, value in ((cookies.flow, visit.raw_browser), (cookies.sign_in, visit.raw_sign_in)):
        if cookies.find(request, name) != value:
            cookies.put(response, name, value, max_age_seconds=None)


def _held(request: Request, name: str) -> str:
    held = provided(request.app, Cookies).find(request, name)
    return held if held is not None and is_random_secret(held) else random_secret()


def bare_answer_of(request: Request, outcome: Outcome) -> Response:
    """The answer without a cookie, where none came along: those that the browser holds stay as they are."""
    pages = provided(request.app, Pages)
    match outcome:
        case GoTo(path=path):
            return pages.go_on(path)
        case Leave(url=url, fields=None):
            # As it is: an address that was checked is never encoded anew.
            return Response(
                status_code=303,
                headers={"Location": url, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"},
            )
        case Leave(url=url, fields=fields):
            return self_posting(request, pages, "pages/provider_post.html", action=url, members=fields or {})
        case Failed():
            return _failed(request, outcome)


def _failed(request: Request, failed: Failed) -> Response:
    heading, words = words_of(failed.failure)
    headers = {"Cache-Control": "no-store"}
    retry_seconds = retry_seconds_of(failed.failure)
    if retry_seconds is not None:
        headers["Retry-After"] = str(retry_seconds)
    told = Told(
        heading=heading,
        words=words,
        named={"provider": failed.provider or ""},
        reference=trace_id_of(request.scope),
        again=failed.again,
        back=failed.back,
        client=failed.client_name,
    )
    response = provided(request.app, FailurePages).show(
        request,
        told,
        status=status_of(failed.failure),
        headers=headers,
        may_repeat=failed.may_repeat and request.method == "GET",
    )
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
