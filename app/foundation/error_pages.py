"""What a browser shows when something is refused: what happened, what can be done, and the trace id.

The words depend on the kind of refusal alone: what a service says to its clients stays in the log.
"""

from http import HTTPStatus

from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import Scope

from app.foundation.csrf import CSRFFailed
from app.foundation.failure_page import FailurePages, Told
from app.foundation.language import N_
from app.foundation.pages import SAFE_METHODS, ForeignForm
from app.foundation.problems import Refusal, trace_id_of

_BY_CODE = {
    CSRFFailed.code: (
        N_("We can’t tell that this form came from here"),
        N_("To protect your account we stopped here. Nothing was changed. Open the page again and try once more."),
    ),
    ForeignForm.code: (
        N_("We can’t tell that this form came from here"),
        N_("To protect your account we stopped here. Nothing was changed. Open the page again and try once more."),
    ),
}
_NOWHERE = (
    N_("There is no page at this address"),
    N_("Check the address for typing mistakes. If a link brought you here, it may be out of date."),
)
_BY_STATUS: dict[int, tuple[str, str]] = {
    HTTPStatus.UNAUTHORIZED: (
        N_("Sign in first"),
        N_("What is at this address is only for people who are signed in."),
    ),
    HTTPStatus.FORBIDDEN: (
        N_("You can’t open this"),
        N_("Your account has no right to what is at this address."),
    ),
    HTTPStatus.NOT_FOUND: _NOWHERE,
    HTTPStatus.METHOD_NOT_ALLOWED: _NOWHERE,
    HTTPStatus.TOO_MANY_REQUESTS: (
        N_("That was too often"),
        N_("To protect accounts we slow things down. Wait a little and try again."),
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: (
        N_("We can’t answer at the moment"),
        N_("Nothing was changed. Try again in a few seconds."),
    ),
}
_OUR_FAULT = (
    N_("Something went wrong on our side"),
    N_("Try again. If it happens again, tell the people who run this service, with the reference below."),
)
_NOT_RIGHT = (
    N_("We can’t go on with this"),
    N_("What your browser sent is not complete or not right. Go back, load the page again and try once more."),
)


class ErrorPages:
    """Renders refusals for readers."""

    def __init__(self, failures: FailurePages) -> None:
        self._failures = failures

    def __call__(self, scope: Scope, refusal: Refusal) -> Response:
        """The page of a refusal, with the headers that its kind needs."""
        heading, words = _words(refusal)
        return self._failures.show(
            HTTPConnection(scope),
            Told(heading=heading, words=words, reference=trace_id_of(scope)),
            status=refusal.status,
            headers={**refusal.headers, "Vary": "Accept"},
            # A form is not sent again for the sake of another language.
            repeatable=scope["method"] in SAFE_METHODS,
        )


def _words(refusal: Refusal) -> tuple[str, str]:
    """What happened, and what can be done about it."""
    otherwise = _OUR_FAULT if refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR else _NOT_RIGHT
    return _BY_CODE.get(refusal.code) or _BY_STATUS.get(refusal.status, otherwise)
