"""What has to happen before an authorization request may be answered with a code: a pure decision.

Specs: OpenID Connect Core §3.1.2.3 and §3.1.2.4, RFC 9470 §5, RFC 8252 §8.6.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from app.protocols.assurance import ACR, best, satisfies
from app.protocols.oauth.authorization_error import AuthorizationError, RequestRefused
from app.protocols.oauth.authorization_request import AuthorizationRequest
from app.protocols.trace import Trace


class Interaction(StrEnum):
    """What comes next."""

    SIGN_IN = "sign_in"
    CONSENT = "consent"
    CODE = "code"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """Who is signed in at this browser, since when, and how well they proved it."""

    sub: str
    auth_time: datetime
    acr: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInNeeds:
    """What a session must be to answer a request."""

    after: datetime | None = None
    acr: ACR | None = None
    sub: str | None = None

    def are_met_by(self, session: SignedIn, trace: Trace) -> bool:
        """Whether that session will do; each need is a check of its own."""
        met = [trace.check("session", passed=True, expected="somebody is signed in", received="yes")]
        if self.after is not None:
            received = session.auth_time.isoformat(timespec="seconds")
            expected = f"signed in after {self.after.isoformat(timespec='seconds')}"
            met.append(trace.check("auth_time", session.auth_time >= self.after, expected=expected, received=received))
        if self.acr is not None:
            passed = satisfies(session.acr, self.acr)
            met.append(trace.check("acr", passed, expected=f"at least {self.acr.value}", received=session.acr))
        if self.sub is not None:
            received = "the same" if session.sub == self.sub else "another user"
            met.append(
                trace.check("sub", session.sub == self.sub, expected="the user that is meant", received=received)
            )
        return all(met)


def needs_of(request: AuthorizationRequest, *, opened_at: datetime, required_acr: str | None) -> SignInNeeds:
    """What the session must be. `required_acr` is what the audience asks of everybody.

    The age is counted from when the request came: otherwise `max_age=0` could never be met.
    """
    after = None if request.max_age is None else opened_at - timedelta(seconds=request.max_age)
    if "login" in request.prompt:
        after = opened_at
    levels = [level for level in (request.acr, required_acr) if level is not None]
    return SignInNeeds(after=after, acr=best(levels) if levels else None, sub=request.sub)


def next_interaction(
    request: AuthorizationRequest,
    needs: SignInNeeds,
    session: SignedIn | None,
    *,
    has_chosen: bool,
    has_agreed: bool,
    trace: Trace,
) -> Interaction:
    """What comes next for the user; with `prompt=none` anything but a code raises RequestRefused.

    `has_chosen` says that the user was shown the accounts of this browser for this request, `has_agreed` that what is
    asked for is covered by what they agreed to, or by the operator.
    """
    silent = "none" in request.prompt
    if session is None:
        trace.check("session", passed=False, expected="somebody is signed in", received="nobody")
        return _unless(silent, Interaction.SIGN_IN, AuthorizationError.LOGIN_REQUIRED)
    if not needs.are_met_by(session, trace):
        stronger = needs.acr is not None and not satisfies(session.acr, needs.acr)
        error = AuthorizationError.INTERACTION_REQUIRED if stronger else AuthorizationError.LOGIN_REQUIRED
        return _unless(silent, Interaction.SIGN_IN, error)
    if "select_account" in request.prompt and not has_chosen:
        return Interaction.SIGN_IN
    wants_question = "consent" in request.prompt
    passed = has_agreed and not wants_question
    if not trace.check("consent", passed, expected="the user agreed to this client's scopes", received=_said(passed)):
        return _unless(silent, Interaction.CONSENT, AuthorizationError.CONSENT_REQUIRED)
    return Interaction.CODE


def _unless(silent: bool, interaction: Interaction, error: AuthorizationError) -> Interaction:  # noqa: FBT001
    if silent:
        raise RequestRefused(error, "The user would have to be asked, and prompt is none.")
    return interaction


def _said(passed: bool) -> str:  # noqa: FBT001
    return "agreed" if passed else "to be asked"
