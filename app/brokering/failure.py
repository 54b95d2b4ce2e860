"""Why a federated sign-in came to nothing, and what its person is told of it."""

from enum import StrEnum
from http import HTTPStatus

from app.federation.connector import Refusal
from app.federation.identities.decide import Reason
from app.foundation.language import N_


class Failure(StrEnum):
    """Every reason: in flows, audit entries and metrics."""

    CANCELLED = "cancelled"
    UNREACHABLE = "unreachable"
    CROWDED = "crowded"
    BROKEN = "broken"
    FORGED = "forged"
    NOT_ALLOWED = "not_allowed"
    STALE = "stale"
    INACTIVE = "inactive"
    NO_ACCOUNT = "no_account"
    NO_ADDRESS = "no_address"
    LINK_FIRST = "link_first"
    UNCONFIRMED = "unconfirmed"
    TAKEN = "taken"
    OVER = "over"
    ASKED_WRONG = "asked_wrong"


def of_refusal(refusal: Refusal) -> Failure:
    """The failure that a connector's refusal is."""
    return Failure(refusal.value)


def of_reason(reason: Reason) -> Failure:
    """The failure that a decision is."""
    return Failure(reason.value)


_NOT_HERE = (
    N_("You can’t sign in here with %(provider)s"),
    N_("There is no account here that %(provider)s may open for you. Ask the people who run this service."),
)
_WORDS: dict[Failure, tuple[str, str]] = {
    Failure.CANCELLED: (
        N_("You did not sign in"),
        N_("The sign-in at %(provider)s was stopped. Nothing was changed."),
    ),
    Failure.UNREACHABLE: (
        N_("%(provider)s does not answer"),
        N_("We could not reach %(provider)s in time. Try again in a moment, or sign in another way."),
    ),
    Failure.CROWDED: (
        N_("Many people are signing in at this moment"),
        N_("We could not finish your sign-in in time. Nothing was changed. Try again in a moment."),
    ),
    Failure.BROKEN: (
        N_("%(provider)s gave an answer that we can’t use"),
        N_("Try again. If it happens again, tell the people who run this service, with the reference below."),
    ),
    Failure.FORGED: (
        N_("We could not trust the answer of %(provider)s"),
        N_("To protect your account we stopped here. Nothing was changed. Begin the sign-in once more."),
    ),
    Failure.NOT_ALLOWED: (
        N_("This account of %(provider)s is not let in here"),
        N_("Choose another account at %(provider)s, or ask the people who run this service."),
    ),
    Failure.STALE: (
        N_("%(provider)s did not ask who you are again"),
        N_("This needs a fresh sign-in. Sign out at %(provider)s and try again, or prove it another way."),
    ),
    Failure.INACTIVE: _NOT_HERE,
    Failure.NO_ACCOUNT: _NOT_HERE,
    Failure.NO_ADDRESS: (
        N_("%(provider)s did not tell us your email address"),
        N_("An account here needs one. Allow %(provider)s to share it and try again, or sign up another way."),
    ),
    Failure.LINK_FIRST: (
        N_("Your email address has an account here already"),
        N_("Sign in to that account first. Then link %(provider)s on its page of sign-in providers."),
    ),
    Failure.UNCONFIRMED: (
        N_("Your email address is not confirmed yet"),
        N_(
            "If you are new here, follow the link that we mail to you, and sign in again. If you have an account "
            "here, sign in to it and link %(provider)s on its page of sign-in providers."
        ),
    ),
    Failure.TAKEN: (
        N_("This account of %(provider)s is linked already"),
        N_("It opens another account here. Sign in to that one and unlink it there first."),
    ),
    Failure.OVER: (
        N_("This sign-in is over"),
        N_("It took too long, was begun in another browser, or was finished already. Begin it once more."),
    ),
    Failure.ASKED_WRONG: (
        N_("We can’t begin this sign-in"),
        N_("The app that sent you here asked for something that we don’t know. Nothing was changed."),
    ),
}
_STATUS = {
    Failure.UNREACHABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    Failure.CROWDED: HTTPStatus.SERVICE_UNAVAILABLE,
    Failure.BROKEN: HTTPStatus.BAD_GATEWAY,
    Failure.CANCELLED: HTTPStatus.BAD_REQUEST,
    Failure.FORGED: HTTPStatus.BAD_REQUEST,
    Failure.OVER: HTTPStatus.BAD_REQUEST,
    Failure.ASKED_WRONG: HTTPStatus.BAD_REQUEST,
}

_RETRY_SECONDS = {Failure.UNREACHABLE: 30, Failure.CROWDED: 5}


def words_of(failure: Failure) -> tuple[str, str]:
    """The heading of a failure's page and the sentence below it, as they are translated, with `provider` in them.

    Where no provider may be known, neither names one.
    """
    return _WORDS[failure]


def retry_seconds_of(failure: Failure) -> int | None:
    """When a sign-in may end better, where time alone can bring that about."""
    return _RETRY_SECONDS.get(failure)


def status_of(failure: Failure) -> int:
    """The status of a failure's page."""
    return _STATUS.get(failure, HTTPStatus.FORBIDDEN)
