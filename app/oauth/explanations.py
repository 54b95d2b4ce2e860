"""The words of an authorization's pages: why it failed and who can mend it, and what a client wants."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from urllib.parse import urlsplit

from app.consents.consent import allowance
from app.foundation.language import N_, Language
from app.oauth.case import Failure, Question
from app.protocols.oauth.redirect_uri import fault_of
from app.protocols.trace import Check

_UNKNOWN_APP = (
    N_("We don’t know the app that sent you here"),
    N_("It is not registered here, or was switched off. To protect your account we stopped here. Nothing was shared."),
)
_WRONG_PLACE = (
    N_("We can’t send you back to %(app)s"),
    N_(
        "%(app)s asked us to send you to an address that it has not registered with us. To protect your account we "
        "stopped here. Nothing was shared."
    ),
)
_TOLD = (
    N_("%(app)s was told that it cannot sign you in"),
    N_("This is why. The app was told the error alone."),
)
_SCOPES = {
    "openid": N_("Know that it is you"),
    "profile": N_("See your name and profile"),
    "email": N_("See your email address"),
    "phone": N_("See your phone number"),
    "address": N_("See your postal address"),
    "groups": N_("See which groups you are in"),
    "roles": N_("See which roles you hold"),
    "offline_access": N_("Keep this access while you are away, until you end it"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why an authorization failed. `checks` are shown to developers alone, and are empty for everybody else.

    `cure` is a command that mends it.
    """

    heading: str
    words: str
    for_whom: str
    flow_id: str | None
    error: str
    client_uri: str | None
    checks: tuple["Shown", ...]
    cure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A check as a page shows it: what came is parted where it begins to differ from what was expected."""

    name: str
    passed: bool
    expected: str | None
    same: str
    other: str
    came: bool

    @classmethod
    def of(cls, check: Check) -> "Shown":
        """The check, and where the difference begins."""
        came, expected = check.received or "", check.expected
        at = len(came) if check.passed or expected is None else _shared(came, expected)
        return cls(
            name=check.name,
            passed=check.passed,
            expected=expected,
            same=came[:at],
            other=came[at:],
            came=check.received is not None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One thing that a client wants to do; `is_known` where the user allowed it before."""

    words: str
    is_known: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the consent page shows. `publisher` is whose the app is, where an operator has checked that.

    `home` is where the app says that it is at home, and `home_place` what people call that; `next_place` is where the
    browser goes in fact.
    """

    app: str
    user: str
    client_id: str
    publisher: str | None
    home: str | None
    home_place: str | None
    logo_uri: str | None
    policy_uri: str | None
    tos_uri: str | None
    wishes: tuple[Wish, ...]
    scope: str
    audience: str
    next_place: str
    is_local: bool


def _shared(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


class Explanations:
    """Finds the words. `development` shows what was checked to whoever sees the page."""

    def __init__(self, *, development: bool) -> None:
        self.development = development

    def of(self, failure: Failure, language: Language) -> Explanation:
        """Why it failed."""
        app = failure.client_name
        heading, words = _UNKNOWN_APP if app is None else _TOLD if failure.was_told else _WRONG_PLACE
        named = {"app": app or ""}
        mends = N_("Only the people who run the app can mend this. Give them the reference below.")
        return Explanation(
            heading=language.gettext(heading) % named,
            words=language.gettext(words) % named,
            for_whom=language.gettext(mends),
            flow_id=failure.flow_id,
            error=failure.error,
            client_uri=failure.client_uri,
            checks=tuple(Shown.of(check) for check in failure.checks) if self.development else (),
            cure=_cure(failure.checks) if self.development else None,
        )

    @staticmethod
    def question(question: Question, language: Language) -> Asked:
        """What is asked."""
        case = question.case
        client, named = case.client, language.gettext(N_("Use %(scope)s at %(service)s"))
        asked_singly = sorted(case.claims)
        wishes = [
            Wish(
                words=language.gettext(_SCOPES[scope])
                if scope in _SCOPES
                else named % {"scope": scope, "service": case.audience.aud},
                is_known=question.known.issuperset(allowance((scope,), case.audience.name)),
            )
            for scope in case.scopes
        ]
        if asked_singly:
            seen = language.gettext(N_("See from your account: %(claims)s")) % {"claims": ", ".join(asked_singly)}
            wishes.append(Wish(words=seen, is_known=False))
        return Asked(
            app=client.name,
            user=question.caller.email,
            client_id=client.client_id,
            publisher=client.verified_publisher,
            home=client.client_uri,
            home_place=None if client.client_uri is None else _place(client.client_uri),
            logo_uri=client.logo_path,
            policy_uri=client.policy_uri,
            tos_uri=client.tos_uri,
            wishes=tuple(wishes),
            scope=" ".join(case.scopes),
            audience=case.audience.aud,
            next_place=_place(case.target.redirect_uri),
            is_local=not case.target.redirect_uri.startswith("https:"),
        )


def _cure(checks: Sequence[Check]) -> str | None:
    """The command that registers the address that a client asked for, where that is what is wrong."""
    said = {check.name: check for check in checks}
    client, uri = said.get("client_id"), said.get("redirect_uri")
    if client is None or not client.passed or uri is None or uri.passed or not uri.received:
        return None
    if fault_of(uri.received, native=True) is not None:
        return None
    return f"auth-service clients update {client.received} --add-redirect-uri {shlex.quote(uri.received)}"


def _place(redirect_uri: str) -> str:
    """Where the browser goes next, as people call it: a host, or the scheme of a native app."""
    parts = urlsplit(redirect_uri)
    return parts.netloc if parts.scheme in {"https", "http"} else parts.scheme
