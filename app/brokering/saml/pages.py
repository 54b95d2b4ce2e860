"""`/auth/saml/{connection}/…`: the addresses that a SAML provider knows us by."""

from typing import Annotated
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from app.brokering.browser import answer_of, bare_answer_of, visit_of
from app.brokering.departure import Departures
from app.brokering.saml.answers import RELAY_STATE, SAMLAnswers
from app.brokering.saml.sign_out import InvalidLogoutMessage, SAMLSignOut
from app.federation.connector import Connection
from app.federation.saml.connector import SAMLConnector
from app.federation.saml.logout import Incoming
from app.federation.saml.sending import REQUEST, RESPONSE
from app.foundation.caller import RequestOrigin
from app.foundation.cookies import Cookies
from app.foundation.form import InvalidForm, parse_form, read_form, read_pairs
from app.foundation.middleware import LargeBody
from app.foundation.open_pages import OpenPageRouter
from app.foundation.pages import PageRouter, Pages
from app.foundation.provide import provide, provided
from app.logout.elsewhere import LOGOUT_AT
from app.logout.goodbye import goodbye, place_of
from app.logout.request import LogoutRequest
from app.logout.service import SignedOut

_PREFIX = "/auth/saml/"
ACS_BODY = LargeBody(prefix=_PREFIX, suffix="/acs", limit=512 * 1024)
_METADATA_TYPE = "application/samlmetadata+xml"
_ARRIVAL = "arrival"

router = PageRouter(visited=True)
open_router = OpenPageRouter(tags=["sign-in"])

Answers = Annotated[SAMLAnswers, provide(SAMLAnswers)]
Renderer = Annotated[Pages, provide(Pages)]
SignOut = Annotated[SAMLSignOut, provide(SAMLSignOut)]


@router.get(f"{_PREFIX}{{connection}}/login")
async def log_in(
    request: Request, connection: str, answers: Answers, departures: Annotated[Departures, provide(Departures)]
) -> Response:
    """Send the browser to the provider: for an app, for a sign-in at the pages, or for whoever came alone."""
    visit, pairs = visit_of(request), await read_pairs(request)
    asked = dict(pairs)
    if len(asked) != len(pairs):
        raise InvalidForm("A parameter stands there twice.")
    found = await answers.connection(connection)
    return answer_of(request, await departures.start(found.id, asked, visit), visit)


@open_router.post(f"{_PREFIX}{{connection}}/acs")
async def consume(
    request: Request, connection: str, answers: Answers, pages: Renderer, origin: RequestOrigin
) -> Response:
    """Judge a response. Spec: SAML 2.0 Bindings §3.5."""
    raw_id = await answers.judge(connection, await read_form(request), origin)
    # Browsers send no cookie along with another site's form. The next request brings them all.
    response = pages.go_on(f"{_PREFIX}{quote(connection, safe='')}/acs?{_ARRIVAL}={raw_id}")
    response.headers["Cache-Control"] = "no-store"
    return response


@router.get(f"{_PREFIX}{{connection}}/acs")
async def arrive(request: Request, connection: str, answers: Answers) -> Response:
    """Take what a response came to. Nothing but our own page, or the app's registered address, comes after it."""
    visit = visit_of(request)
    outcome = await answers.take(connection, request.query_params.get(_ARRIVAL, ""), visit)
    return answer_of(request, outcome, visit)


@router.get(f"{_PREFIX}{{connection}}/metadata")
async def metadata(
    connection: str, answers: Answers, connector: Annotated[SAMLConnector, provide(SAMLConnector)]
) -> Response:
    """What the provider is given of us. Spec: SAML 2.0 Metadata §4.1."""
    content = await connector.own_metadata(await answers.connection(connection))
    return Response(content, media_type=_METADATA_TYPE, headers={"Cache-Control": "public, max-age=300"})


@router.get(LOGOUT_AT)
async def ask_to_log_out(
    request: Request, connection: str, answers: Answers, pages: Renderer, sign_out: SignOut
) -> Response:
    """Ask whether the session here and the one at the provider shall end."""
    found = await answers.connection(connection)
    if not await sign_out.is_signed_in(visit_of(request).raw_session):
        return _goodbye(request, found)
    return pages.render(
        request,
        "pages/saml_logout.html",
        headers={"Cache-Control": "no-store"},
        # Browsers hold the redirect after the form to it.
        form_target=place_of(await sign_out.place(found)),
        provider=found.name,
    )


@router.post(LOGOUT_AT)
async def log_out(
    request: Request, connection: str, answers: Answers, *, sign_out: SignOut, origin: RequestOrigin
) -> Response:
    """End the session here, and go on to end the one at the provider. Spec: SAML 2.0 Profiles §4.4.3.1."""
    found = await answers.connection(connection)
    left = await sign_out.leave(found, visit_of(request).raw_session, origin)
    there = left.there
    if there is None:
        response = _goodbye(request, found, left.done)
    elif left.done.frames and there.fields is None:
        # The clients that are told in the browser come first, and the provider by an address after them.
        response = _goodbye(request, found, left.done, LogoutRequest(redirect_uri=there.url))
    else:
        response = bare_answer_of(request, there)
    provided(request.app, Cookies).clear(response)
    return response


@open_router.get(f"{_PREFIX}{{connection}}/slo")
async def log_out_by_address(
    request: Request, connection: str, answers: Answers, *, sign_out: SignOut, origin: RequestOrigin
) -> Response:
    """A logout message in the address. Spec: SAML 2.0 Bindings §3.4."""
    query = request.scope["query_string"].decode("latin-1")
    fields = parse_form(request.scope["query_string"])
    incoming = Incoming(query=query, relay_state=fields.get(RELAY_STATE))
    found = await answers.connection(connection)
    if REQUEST in fields:
        left = await sign_out.hear(found, incoming, origin)
        return _goodbye(request, found) if left is None else bare_answer_of(request, left)
    if RESPONSE in fields:
        await sign_out.answered(found, incoming, origin)
        return _goodbye(request, found)
    raise InvalidLogoutMessage("The address carries no logout message.")


@open_router.post(f"{_PREFIX}{{connection}}/slo")
async def log_out_by_form(
    request: Request, connection: str, answers: Answers, *, sign_out: SignOut, origin: RequestOrigin
) -> Response:
    """A logout message in a form. Spec: SAML 2.0 Bindings §3.5."""
    fields = await read_form(request)
    found = await answers.connection(connection)
    relay_state = fields.get(RELAY_STATE)
    if REQUEST in fields:
        incoming = Incoming(field=fields[REQUEST], relay_state=relay_state)
        left = await sign_out.hear(found, incoming, origin)
        return _goodbye(request, found) if left is None else bare_answer_of(request, left)
    if RESPONSE in fields:
        await sign_out.answered(found, Incoming(field=fields[RESPONSE], relay_state=relay_state), origin)
        return _goodbye(request, found)
    raise InvalidLogoutMessage("The form carries no logout message.")


def _goodbye(
    request: Request, connection: Connection, done: SignedOut | None = None, asked: LogoutRequest | None = None
) -> Response:
    """Goodbye to whoever has been signed out by then."""
    at = LOGOUT_AT.format(connection=connection.id)
    return goodbye(request, done or SignedOut(), asked or LogoutRequest(), at=at)
