"""Rendering the pages of a sign-in."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence

from starlette.responses import Response

from app.factors.factor import FactorName
from app.federation.connector import Connection
from app.foundation.clock import Clock
from app.foundation.cookies import Cookies
from app.hosted.faults import OVER, Fault
from app.hosted.progress import Progress, Screen
from app.hosted.providers import buttons_of, start_path
from app.hosted.visit import Visit
from app.login.errors import InvalidMFAToken
from app.login.second_step import SecondStep
from app.stepup.reauthenticate import Reauthentication
from app.users.email import masked

WAY = "way"
OTHER = "other"
"""The way of whoever is somebody else than the page says."""
PASSKEY, CODE, FORGOT, ACCOUNTS = "passkey", "code", "forgot", "accounts"

_SCRIPTS = ("passkey.js", "password.js")
RESEND_SCRIPTS = ("resend.js",)
# After so long a mail is late, and not before.
_RESEND_SECONDS = 30


async def show(visit: Visit, *, fault: Fault | None = None, screen: Screen | None = None) -> Response:
    """The page that comes next, or the same page again with what was wrong."""
    wanted = screen or visit.screen
    if wanted is Screen.DONE:
        return await visit.finish()
    way = _way(visit)
    if way == OTHER and screen is None and wanted is not Screen.CODES:
        wanted = Screen.IDENTIFY
    if way == ACCOUNTS and screen is None and wanted is Screen.IDENTIFY and visit.others:
        wanted = Screen.CHOOSE
    return await _SHOWN[wanted](visit, fault)


def over(visit: Visit) -> Response:
    """Say that a sign-in is over, and lead to another."""
    return visit.render("login/over.html", status=410)


def leaving(visit: Visit, connection: Connection) -> Response:
    """Say that somebody's sign-in is at another provider, and go there.

    Browsers hold the redirects after a form to the places that its page named, and nobody knows yet where a provider
    leads. So the form's answer is a page, which goes on by itself.
    """
    path = start_path(connection.id, flow_id=None if visit.flow is None else visit.flow.id)
    response = visit.render("login/leaving.html", provider=connection.name, url=visit.link(path))
    response.headers["Refresh"] = f"0; url={visit.link(path)}"
    return response


async def _identify(visit: Visit, fault: Fault | None) -> Response:
    signed_in = visit.signed_in
    # Somebody else is asked for: nothing on the page would say why the sign-in begins again.
    is_stranger = signed_in is not None and signed_in.standing is None
    return visit.render(
        "login/identify.html",
        fault=fault,
        scripts=_SCRIPTS,
        email=visit.progress.email or visit.requirements.login_hint or "",
        stranger=signed_in.user.email if signed_in is not None and is_stranger else None,
        by_passkey=_way(visit) == PASSKEY,
        others=visit.others,
        providers=await buttons_of(visit),
    )


async def _prove(visit: Visit, fault: Fault | None) -> Response:
    way = _way(visit)
    if way == CODE and visit.progress.challenge is not None:
        return visit.render(
            "login/code.html", fault=fault, scripts=RESEND_SCRIPTS, email=visit.email, wait=resend_after(visit)
        )
    if way == FORGOT and visit.offers_mail:
        return visit.render("login/forgot.html", fault=fault, email=visit.email)
    return visit.render(
        "login/password.html",
        fault=fault,
        scripts=_SCRIPTS,
        email=visit.email,
        by_passkey=way == PASSKEY,
        shown=_shows(visit),
        providers=await buttons_of(visit),
    )


async def _again(visit: Visit, fault: Fault | None) -> Response:
    signed_in = visit.require_signed_in()
    factor = _factor(visit, signed_in.ways)
    options: Mapping[str, object] = {}
    if factor == FactorName.PASSKEY:
        options = await visit.service(Reauthentication).begin(signed_in.caller, factor)
    return visit.render(
        "login/again.html",
        fault=fault,
        scripts=_SCRIPTS,
        email=signed_in.user.email,
        factor=factor,
        others=[name for name in signed_in.ways if name != factor],
        options=_as_text(options),
        shown=_shows(visit),
    )


async def _verify(visit: Visit, fault: Fault | None) -> Response:
    progress = visit.progress
    cookies = visit.service(Cookies)
    last = cookies.find(visit.request, cookies.factor)
    # What this browser confirmed by last comes first, the rest in their order.
    offered = sorted(progress.factors, key=lambda name: name != last)
    factor = _factor(visit, offered)
    options: Mapping[str, object] = {}
    if factor == FactorName.PASSKEY:
        try:
            options = await visit.service(SecondStep).challenge(progress.mfa_token or "", factor)
        except InvalidMFAToken:
            return await begin_again(visit)
    # A code is mailed when somebody presses the button, and not before.
    is_mailed = factor != FactorName.EMAIL_CODE or progress.challenge is not None
    return visit.render(
        "login/second.html",
        fault=fault,
        scripts=(*_SCRIPTS, *RESEND_SCRIPTS),
        email=visit.email,
        factor=factor,
        others=[name for name in offered if name != factor],
        wait=resend_after(visit),
        options=_as_text(options),
        mailed=is_mailed,
        # Of what was typed in this sign-in, or of whoever a provider vouched for: nothing that they do not know.
        masked=masked(visit.email),
        trusted_for=visit.language.duration(progress.trust_seconds) if progress.trust_seconds else "",
    )


async def _enrol(visit: Visit, fault: Fault | None) -> Response:
    progress = visit.progress
    shown = progress.shown if _way(visit) != "choose" else None
    return visit.render(
        "login/enrol.html",
        fault=fault,
        scripts=_SCRIPTS,
        email=visit.email,
        factors=progress.factors,
        shown=shown,
        options=_as_text(shown["options"]) if shown is not None and "options" in shown else "",
    )


async def _codes(visit: Visit, fault: Fault | None) -> Response:
    return visit.render("login/codes.html", fault=fault, codes=visit.progress.recovery_codes, scripts=("copy.js",))


async def _choose(visit: Visit, fault: Fault | None) -> Response:
    user = None if visit.signed_in is None else visit.signed_in.user
    return visit.render("login/choose.html", fault=fault, user=user, others=visit.others)


async def begin_again(visit: Visit) -> Response:
    """The first page, with the word that the sign-in was over."""
    progress = visit.progress
    await visit.note(Progress(other=progress.other, chosen=progress.chosen, ui_locales=progress.ui_locales))
    return await _identify(visit, Fault(words=OVER, status=401, beside=False))


_SHOWN: Mapping[Screen, Callable[[Visit, Fault | None], Awaitable[Response]]] = {
    Screen.IDENTIFY: _identify,
    Screen.PROVE: _prove,
    Screen.AGAIN: _again,
    Screen.VERIFY: _verify,
    Screen.ENROL: _enrol,
    Screen.CODES: _codes,
    Screen.CHOOSE: _choose,
}


def resend_after(visit: Visit) -> int:
    """In how many seconds to ask for another mail; a page with a script waits for that long."""
    passed = visit.service(Clock).now().timestamp() - visit.progress.mailed_at
    return max(0, _RESEND_SECONDS - int(passed))


def _way(visit: Visit) -> str:
    return visit.request.query_params.get(WAY, "")


def _factor(visit: Visit, offered: Sequence[str]) -> str:
    """The factor that the address asks for, where it is offered; else the first."""
    way = _way(visit)
    return next((str(name) for name in offered if name == way), str(offered[0]) if offered else "")


def _shows(visit: Visit) -> bool:
    return visit.request.query_params.get("show") == "1"


def _as_text(options: object) -> str:
    return json.dumps(options) if options else ""
