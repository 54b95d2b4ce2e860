"""What each form of a sign-in does: it calls the service of that step and sends the browser on."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from starlette.responses import Response

from app.factors.factor import FactorName, Presented
from app.factors.totp.service import TOTPEnrolment
from app.foundation.clock import Clock
from app.foundation.cookies import Cookies
from app.foundation.form import InvalidForm
from app.foundation.transport import browser_sign_in
from app.hosted.accounts import KnownAccounts
from app.hosted.begin import LOGIN_PATH, path_of
from app.hosted.faults import NO_ADDRESS, REFUSALS, fault_of
from app.hosted.progress import Progress, Screen
from app.hosted.providers import provider_for
from app.hosted.screens import begin_again, leaving, show
from app.hosted.visit import HOME, Visit
from app.login.email_code import CodeLogin, EmailCodeSignIn
from app.login.errors import InvalidMFAToken, MFARequired
from app.login.passkey import PasskeyLogin, PasskeySignIn
from app.login.second_step import Answer, SecondStep
from app.login.service import Login, PasswordLogin
from app.recovery.service import PasswordRecovery
from app.stepup.reauthenticate import Reauthentication
from app.users.email import EmailRefused, find_key

Fields = Mapping[str, str]

_MAX_EMAIL_CHARACTERS = 1024


async def take(visit: Visit, fields: Fields) -> Response:
    """Do what a form asks. Raises InvalidForm for a step that there is none of."""
    step = _STEPS.get(fields.get("step", ""))
    if step is None:
        raise InvalidForm("There is no such step.")
    try:
        return await step(visit, fields)
    except MFARequired as required:
        return await noted(visit, required)
    except InvalidMFAToken:
        return await begin_again(visit)
    except REFUSALS as refusal:
        return await show(visit, fault=fault_of(refusal, factor=fields.get("factor", "")))


async def _identify(visit: Visit, fields: Fields) -> Response:
    email = fields.get("email", "").strip()[:_MAX_EMAIL_CHARACTERS]
    was = visit.progress
    if find_key(email) is None:
        return await show(visit, fault=NO_ADDRESS, screen=Screen.IDENTIFY)
    await visit.note(Progress(email=email, chosen=True, other=was.other, ui_locales=was.ui_locales))
    connection = await provider_for(visit, email)
    if connection is not None:
        return leaving(visit, connection)
    # A password manager may have filled in both.
    return await _password(visit, fields) if fields.get("password") else visit.go_on()


async def _password(visit: Visit, fields: Fields) -> Response:
    signed_in = visit.signed_in
    presented = PasswordLogin(
        email=visit.email,
        password=fields.get("password", ""),
        audience=None,
        scope=None,
        browser=browser_sign_in(visit.request),
        signed_in=None if signed_in is None else signed_in.user.sub,
        acr=visit.requirements.acr,
    )
    return await visit.sign_in(await visit.service(Login).with_password(presented, visit.origin))


async def _passkey(visit: Visit, fields: Fields) -> Response:
    presented = PasskeyLogin(
        assertion=_credential(fields),
        audience=None,
        scope=None,
        browser=browser_sign_in(visit.request),
        acr=visit.requirements.acr,
    )
    return await visit.sign_in(await visit.service(PasskeySignIn).verify(presented, visit.origin))


async def _mail(visit: Visit, _: Fields) -> Response:
    """Mail a code: of the first step, or of the second where that is how it goes on."""
    progress, now = visit.progress, visit.service(Clock).now().timestamp()
    if progress.mfa_token is not None:
        await visit.service(SecondStep).challenge(progress.mfa_token, FactorName.EMAIL_CODE)
        await visit.note(replace(progress, challenge="mailed", mailed_at=now))
        return visit.go_on(_way_to(visit, FactorName.EMAIL_CODE))
    if not visit.offers_mail:
        return visit.go_on()
    try:
        asked = await visit.service(EmailCodeSignIn).ask(
            visit.email, visit.origin, locale=visit.language.tag, raw_binding=visit.raw_browser
        )
    except EmailRefused:
        return await show(visit, fault=NO_ADDRESS, screen=Screen.IDENTIFY)
    await visit.note(replace(progress, email=visit.email, challenge=asked.raw_challenge, mailed_at=now))
    return visit.go_on(_way_to(visit, "code"))


async def _code(visit: Visit, fields: Fields) -> Response:
    presented = CodeLogin(
        raw_challenge=visit.progress.challenge or "",
        code=fields.get("code", ""),
        audience=None,
        scope=None,
        browser=browser_sign_in(visit.request),
        raw_binding=visit.raw_browser,
        acr=visit.requirements.acr,
    )
    return await visit.sign_in(await visit.service(EmailCodeSignIn).verify(presented, visit.origin))


async def _second(visit: Visit, fields: Fields) -> Response:
    issued = await visit.service(SecondStep).verify(
        visit.progress.mfa_token or "",
        fields.get("factor", ""),
        _presented(fields),
        visit.origin,
        browser=replace(browser_sign_in(visit.request), is_to_be_trusted=fields.get("trust") == "1"),
    )
    response = await visit.sign_in(issued)
    visit.service(KnownAccounts).remember_factor(fields.get("factor", ""), response, visit.service(Cookies))
    return response


async def _enrol(visit: Visit, fields: Fields) -> Response:
    progress, factor = visit.progress, fields.get("factor", "")
    shown = await visit.service(SecondStep).enrol(progress.mfa_token or "", factor)
    kept = shown.as_json() if isinstance(shown, TOTPEnrolment) else {"options": dict(shown)}
    await visit.note(replace(progress, shown={"factor": factor, **kept}))
    return visit.go_on()


async def _confirm(visit: Visit, fields: Fields) -> Response:
    shown = visit.progress.shown or {}
    answer = Answer(
        code=fields.get("code"),
        credential=_credential(fields) if "credential" in fields else None,
        name=fields.get("name", "")[:200],
    )
    issued, enrolled = await visit.service(SecondStep).confirm(
        visit.progress.mfa_token or "",
        str(shown.get("factor", "")),
        answer,
        visit.origin,
        browser=browser_sign_in(visit.request),
    )
    return await visit.sign_in(issued, recovery_codes=enrolled.recovery_codes)


async def _forgot(visit: Visit, _: Fields) -> Response:
    """Have a link sent that sets a new password; it is answered alike for every address."""
    if not visit.offers_mail:
        return visit.go_on()
    await visit.service(PasswordRecovery).request(visit.email, visit.origin)
    return visit.go_on("/password/sent")


async def _saved(visit: Visit, _: Fields) -> Response:
    await visit.note(replace(visit.progress, recovery_codes=()))
    return visit.go_on()


async def _choose(visit: Visit, fields: Fields) -> Response:
    if visit.flow is None and fields.get("account") == "this":
        return visit.go_on(HOME)
    account, was = fields.get("account", ""), visit.progress
    known = next((each for each in visit.others if each.email == account), None)
    if known is not None:
        is_other = visit.signed_in is not None
        await visit.note(Progress(email=known.email, chosen=True, other=is_other, ui_locales=was.ui_locales))
        return visit.go_on()
    is_other = account != "this"
    await visit.note(Progress(chosen=not is_other, other=is_other, ui_locales=was.ui_locales))
    return visit.go_on()


async def _forget(visit: Visit, fields: Fields) -> Response:
    """Have this browser remember an account no longer."""
    left = [each for each in visit.known if each.email != fields.get("account")]
    response = visit.go_on(_way_to(visit, "accounts"))
    visit.service(KnownAccounts).put(left, response, visit.service(Cookies))
    return response


async def _again(visit: Visit, fields: Fields) -> Response:
    """Prove again who one is: the session stays, with a new cookie and a new `auth_time`."""
    signed_in = visit.signed_in
    factor = next((name for name in FactorName if name == fields.get("factor")), None)
    if signed_in is None or factor is None or factor not in signed_in.ways:
        return visit.go_on()
    renewed = await visit.service(Reauthentication).reauthenticate(
        signed_in.caller, factor, _presented(fields), visit.origin
    )
    response = visit.go_on()
    cookies = visit.service(Cookies)
    if renewed.cookie is not None:
        session = renewed.cookie
        cookies.put(response, cookies.session, session.raw_value, max_age_seconds=session.max_age_seconds)
    minted = renewed.minted
    cookies.put(response, cookies.access, minted.raw_token, max_age_seconds=minted.expires_in)
    return response


_STEPS: Mapping[str, Callable[[Visit, Fields], Awaitable[Response]]] = {
    "identify": _identify,
    "password": _password,
    "passkey": _passkey,
    "mail": _mail,
    "code": _code,
    "second": _second,
    "enrol": _enrol,
    "confirm": _confirm,
    "forgot": _forgot,
    "saved": _saved,
    "choose": _choose,
    "forget": _forget,
    "again": _again,
}


async def noted(visit: Visit, required: MFARequired) -> Response:
    """Go on to the second step."""
    progress = Progress.paused(required.extensions, email=visit.email, ui_locales=visit.progress.ui_locales)
    await visit.note(progress)
    return visit.go_on()


def _way_to(visit: Visit, way: str) -> str:
    return LOGIN_PATH if visit.flow is None else path_of(visit.flow.id, way=way)


def _presented(fields: Fields) -> Presented:
    if "credential" in fields:
        return Presented(assertion=_credential(fields))
    return Presented(code=fields.get("code") or fields.get("password", ""))


def _credential(fields: Fields) -> Mapping[str, object]:
    """What a passkey answered, as a script put it into the form. Raises InvalidForm."""
    try:
        value = json.loads(fields.get("credential", ""))
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise InvalidForm("A passkey's answer is missing.")
    return value
