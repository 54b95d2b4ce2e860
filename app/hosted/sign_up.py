"""Signing up on the pages, on the way to signing in."""

from collections.abc import Mapping
from dataclasses import replace

from starlette.responses import Response

from app.factors.password.errors import PasswordRefused
from app.factors.password.service import Passwords
from app.factors.password.words import hint, said_of
from app.foundation.clock import Clock
from app.foundation.errors import ServiceError
from app.foundation.form import read_form
from app.foundation.language import N_
from app.foundation.pages import PageRouter
from app.foundation.transport import browser_sign_in
from app.hosted.begin import SIGN_UP_PATH
from app.hosted.faults import NO_ADDRESS, Fault, fault_of
from app.hosted.progress import Progress
from app.hosted.screens import RESEND_SCRIPTS, over, resend_after
from app.hosted.steps import noted
from app.hosted.visit import ThisVisit, Visit
from app.limits.errors import TooManyAttempts
from app.login.errors import EmailNotVerified, InvalidCredentials, MFARequired
from app.login.service import Login, PasswordLogin
from app.registration.service import Registration, SignUp
from app.registration.verification import EmailVerification
from app.users.email import EmailRefused
from app.users.errors import EmailTaken, NameRefused, SignUpClosed

router = PageRouter(prefix=SIGN_UP_PATH, visited=True)

_NO_NAME = N_("This cannot be a name. Leave it empty if you like.")
_TAKEN = N_("This address has an account here already. Sign in with it, or set a new password.")
_CLOSED = N_("Accounts are made by the people who run this service. Ask them for one.")
_FIELDS: Mapping[type[ServiceError], tuple[str, str]] = {
    EmailRefused: ("email", NO_ADDRESS.words),
    EmailTaken: ("email", _TAKEN),
    NameRefused: ("name", _NO_NAME),
}
_REFUSALS: tuple[type[ServiceError], ...] = (PasswordRefused, *_FIELDS, SignUpClosed, TooManyAttempts)
_SCRIPTS = ("password.js",)
# As the page has them.
_ORDER = ("name", "email", "password")


@router.get("")
async def ask(visit: ThisVisit) -> Response:
    """Ask for an address and a password."""
    return over(visit) if visit.is_lost else _form(visit, {"email": visit.progress.email or ""})


@router.post("")
async def sign_up(visit: ThisVisit) -> Response:
    """Make the account, and sign its owner in where no address must be confirmed first."""
    fields = await read_form(visit.request)
    visit.require_own(fields)
    if visit.is_lost:
        return over(visit)
    if fields.get("step") == "resend":
        await visit.service(EmailVerification).request(visit.progress.email or "", visit.origin)
        await visit.note(replace(visit.progress, mailed_at=visit.service(Clock).now().timestamp()))
        return visit.go_on(visit.path_at(f"{SIGN_UP_PATH}/sent"))
    email, password = fields.get("email", "").strip(), fields.get("password", "")
    wanted = SignUp(email=email, password=password, name=fields.get("name") or None, locale=visit.language.tag)
    try:
        user = await visit.service(Registration).sign_up(wanted, visit.origin)
    except _REFUSALS as refusal:
        return _refused(visit, fields, refusal, wanted)
    was, now = visit.progress, visit.service(Clock).now().timestamp()
    await visit.note(Progress(email=email, chosen=True, other=was.other, ui_locales=was.ui_locales, mailed_at=now))
    sent = visit.go_on(visit.path_at(f"{SIGN_UP_PATH}/sent"))
    return sent if user is None else await _sign_in(visit, email, password) or sent


@router.get("/sent")
async def sent(visit: ThisVisit) -> Response:
    """Say that a mail is on its way: the same for everyone while existence is hidden."""
    if visit.flow is None or visit.progress.email is None:
        return over(visit) if visit.is_lost else visit.go_on(SIGN_UP_PATH)
    return visit.render(
        "login/sign_up_sent.html", scripts=RESEND_SCRIPTS, email=visit.progress.email, wait=resend_after(visit)
    )


async def _sign_in(visit: Visit, email: str, password: str) -> Response | None:
    """Sign in with what was just chosen; None where the address must be confirmed first."""
    presented = PasswordLogin(
        email=email,
        password=password,
        audience=None,
        scope=None,
        browser=browser_sign_in(visit.request),
        acr=visit.requirements.acr,
    )
    try:
        return await visit.sign_in(await visit.service(Login).with_password(presented, visit.origin))
    except MFARequired as required:
        return await noted(visit, required)
    except (EmailNotVerified, InvalidCredentials, TooManyAttempts):
        return None


def _refused(visit: Visit, fields: Mapping[str, str], refusal: ServiceError, wanted: SignUp) -> Response:
    """The form again, with what was typed and all that is wrong with it."""
    if isinstance(refusal, PasswordRefused) or type(refusal) in _FIELDS:
        found = visit.service(Registration).faults_of(wanted) or (refusal,)
        told = dict(_field_of(visit, each) for each in found)
        errors = {name: told[name] for name in _ORDER if name in told}
        return _form(visit, fields, status=refusal.status, errors=errors)
    if isinstance(refusal, SignUpClosed):
        return _form(visit, fields, fault=Fault(words=_CLOSED, status=refusal.status, beside=False))
    return _form(visit, fields, fault=fault_of(refusal))


def _field_of(visit: Visit, refusal: ServiceError) -> tuple[str, str]:
    """The field that a refusal is about, and what is said beside it."""
    if isinstance(refusal, PasswordRefused):
        return "password", said_of(refusal, visit.language)
    name, words = _FIELDS[type(refusal)]
    return name, visit.language.gettext(words)


def _form(
    visit: Visit,
    fields: Mapping[str, str],
    *,
    status: int = 200,
    fault: Fault | None = None,
    errors: Mapping[str, str] | None = None,
) -> Response:
    least = visit.service(Passwords).min_length
    return visit.render(
        "login/sign_up.html",
        status=status,
        fault=fault,
        scripts=_SCRIPTS,
        email=fields.get("email", ""),
        name=fields.get("name", ""),
        hint=hint(least, visit.language),
        least=least,
        errors=errors or {},
        shown=visit.request.query_params.get("show") == "1",
    )
