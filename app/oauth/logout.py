"""`/oauth/logout`: a client sends a browser here to sign out. Spec: OpenID Connect RP-Initiated Logout 1.0.

A session ends without a question only where an ID token of ours, of now, names it. Everybody else's request is put to
the user; and a browser is sent on only to an address that the client registered.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.foundation.caller import RequestOrigin
from app.foundation.cookies import Cookies
from app.foundation.encryption import DecryptionFailed, Keyring
from app.foundation.form import parse_form, read_form
from app.foundation.pages import PageRouter, Pages
from app.foundation.provide import provide
from app.foundation.routing import Router
from app.grants.by_cookie import BrowserCaller, BrowserInspection
from app.logout.elsewhere import Elsewhere, SignOutElsewhere
from app.logout.goodbye import goodbye, place_of
from app.logout.request import LogoutRequest, LogoutRequests
from app.logout.service import BrowserSignOut, SignedOut

LOGOUT_PATH = "/oauth/logout"
CONFIRM_PATH = "/oauth/logout/confirm"
_PURPOSE = "logout request"
_CARRIED = "request"
_NO_STORE = {"Cache-Control": "no-store"}

router = PageRouter(visited=True)
form_router = Router(tags=["oauth"])

Renderer = Annotated[Pages, provide(Pages)]
Ring = Annotated[Keyring, provide(Keyring)]
Browsers = Annotated[BrowserInspection, provide(BrowserInspection)]
BrowserCookies = Annotated[Cookies, provide(Cookies)]
Requests = Annotated[LogoutRequests, provide(LogoutRequests)]
SignOut = Annotated[BrowserSignOut, provide(BrowserSignOut)]
Providers = Annotated[SignOutElsewhere, provide(SignOutElsewhere)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Screens:
    """What the answers of one request are made with."""

    request: Request
    pages: Pages
    cookies: Cookies

    def ask(self, asked: LogoutRequest, sealed: str, elsewhere: Elsewhere | None) -> Response:
        """The page that puts the request to the user."""
        return self.pages.render(
            self.request,
            "pages/logout.html",
            headers=_NO_STORE,
            form_target=place_of(asked.redirect_uri),
            client_name=asked.client_name,
            sealed=sealed,
            elsewhere=elsewhere,
        )

    def goodbye(self, done: SignedOut, asked: LogoutRequest) -> Response:
        """The page after."""
        response = goodbye(self.request, done, asked, at=LOGOUT_PATH)
        self.cookies.clear(response)
        return response

    def send_on(self, redirect_uri: str) -> Response:
        """Send the browser back to the client, signed out."""
        response = RedirectResponse(redirect_uri, status_code=303, headers=_NO_STORE)
        self.cookies.clear(response)
        return response


@router.get(LOGOUT_PATH)
async def log_out(
    request: Request,
    pages: Renderer,
    cookies: BrowserCookies,
    *,
    keyring: Ring,
    browsers: Browsers,
    requests: Requests,
    sign_out: SignOut,
    providers: Providers,
    origin: RequestOrigin,
) -> Response:
    """End the session that a hint of now names, else ask the user; without a session there is nothing to end."""
    screens = Screens(request=request, pages=pages, cookies=cookies)
    asked = await requests.judge(_parameters(request, keyring))
    caller = await _live(request, cookies, browsers)
    if caller is None:
        if asked.is_vouched and asked.redirect_uri is not None:
            return screens.send_on(asked.redirect_uri)
        return screens.goodbye(SignedOut(), asked)
    if asked.vouched_sid != caller.context.sid:
        sealed = _seal(keyring, asdict(asked), bound_to=caller.context.sid)
        return screens.ask(asked, sealed, await providers.of(caller.context.sid))
    return await _end(screens, sign_out, caller, asked, origin)


@form_router.post(LOGOUT_PATH, summary="Ask that a browser be signed out", include_in_schema=False)
async def log_out_by_form(request: Request, pages: Renderer, keyring: Ring) -> Response:
    """The same by a form of the client's page: the browser comes again by GET, as it brings its cookies only then."""
    # What the form says must not stand readable in addresses: it holds an ID token.
    sealed = _seal(keyring, await read_form(request), bound_to=LOGOUT_PATH)
    return pages.go_on(f"{LOGOUT_PATH}?{urlencode({_CARRIED: sealed})}")


@router.post(CONFIRM_PATH)
async def confirm(
    request: Request,
    pages: Renderer,
    cookies: BrowserCookies,
    *,
    keyring: Ring,
    browsers: Browsers,
    sign_out: SignOut,
    origin: RequestOrigin,
) -> Response:
    """End the session: its user said so on a page of ours."""
    screens = Screens(request=request, pages=pages, cookies=cookies)
    caller = await _live(request, cookies, browsers)
    if caller is None:
        return screens.goodbye(SignedOut(), LogoutRequest())
    fields = await read_form(request)
    opened = _open(keyring, fields.get(_CARRIED, ""), bound_to=caller.context.sid)
    asked = LogoutRequest(**opened) if opened is not None else LogoutRequest()  # type: ignore[arg-type] # sealed by us
    return await _end(screens, sign_out, caller, asked, origin)


async def _end(
    screens: Screens, sign_out: BrowserSignOut, caller: BrowserCaller, asked: LogoutRequest, origin: RequestOrigin
) -> Response:
    done = await sign_out.sign_out(caller.context.sid, sub=caller.sub, origin=origin)
    if done.frames or asked.redirect_uri is None:
        return screens.goodbye(done, asked)
    return screens.send_on(asked.redirect_uri)


async def _live(request: Request, cookies: Cookies, browsers: BrowserInspection) -> BrowserCaller | None:
    presented = cookies.sessions(request)
    return await browsers.find_live(presented[0]) if len(presented) == 1 else None


def _parameters(request: Request, keyring: Keyring) -> Mapping[str, str]:
    """The parameters of the query, or those that a form of the client's brought before. Raises InvalidForm."""
    parameters = parse_form(request.scope["query_string"])
    if _CARRIED not in parameters:
        return parameters
    return _open(keyring, parameters[_CARRIED], bound_to=LOGOUT_PATH) or {}


def _seal(keyring: Keyring, values: Mapping[str, object], *, bound_to: str) -> str:
    sealed = keyring.encrypt(json.dumps(dict(values)).encode(), purpose=_PURPOSE, bound_to=bound_to)
    return base64.urlsafe_b64encode(sealed).decode("ascii")


def _open(keyring: Keyring, text: str, *, bound_to: str) -> dict[str, str] | None:
    try:
        sealed = base64.b64decode(text, altchars=b"-_", validate=True)
        opened: dict[str, str] = json.loads(keyring.decrypt(sealed, purpose=_PURPOSE, bound_to=bound_to))
    except (binascii.Error, ValueError, DecryptionFailed):
        return None
    return opened
