"""Whether a signed assertion is for us, for now, and for this request. Spec: SAML 2.0 Profiles §4.1.4.2, §4.1.4.3."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.protocols.saml.assertion import Assertion, Confirmation
from app.protocols.saml.moments import write_moment
from app.protocols.saml.names import BEARER
from app.protocols.saml.refusal import Fault, Judging

# An answer comes within minutes. One that says it counts for longer is not remembered for longer than this.
MAX_LIFETIME = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Believed:
    """Whom an assertion must come from, whom it must be for, and what it must answer.

    `request_id` is None where nobody asked; that is refused unless `allows_unasked`. `skew` is how far the provider's
    clock may stand from ours, either way.
    """

    issuer: str
    audience: str
    acs_url: str
    request_id: str | None
    skew: timedelta
    allows_unasked: bool = False

    @property
    def asked(self) -> str:
        """The request, for an operator."""
        return self.request_id or "no request"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """An assertion that is right, and until when it must be remembered that it was used."""

    assertion: Assertion
    remembered_until: datetime


def judge_assertion(assertion: Assertion, believed: Believed, judging: Judging, now: datetime) -> Accepted:
    """The assertion, once all that it says of itself is right. Raises ResponseRefused."""
    judging.require(
        "issuer", assertion.issuer == believed.issuer, believed.issuer, assertion.issuer, "another provider issued it"
    )
    judging.require(
        "issued at",
        assertion.issued_at is not None and assertion.issued_at <= now + believed.skew,
        f"by {write_moment(now)}",
        _shown(assertion.issued_at),
        f"it was issued in the future; the clocks differ by more than {_seconds(believed.skew)}",
    )
    _judge_conditions(assertion, believed, judging, now)
    until = _judge_confirmation(assertion, believed, judging, now)
    _judge_authentication(assertion, believed, judging, now)
    return Accepted(assertion=assertion, remembered_until=until)


def _judge_conditions(assertion: Assertion, believed: Believed, judging: Judging, now: datetime) -> None:
    conditions = assertion.conditions
    is_there = conditions is not None
    judging.require("conditions", is_there, "conditions", "conditions" if is_there else "none", "it has no conditions")
    if conditions is None:
        return
    span = (conditions.not_before, conditions.not_on_or_after)
    _judge_time("conditions", span, believed.skew, judging, now)
    # Of several restrictions each must be met. Spec: Core §2.5.1.4.
    right = bool(conditions.audiences) and all(believed.audience in group for group in conditions.audiences)
    received = ", ".join(name for group in conditions.audiences for name in group) or "no audience"
    judging.require("audience", right, believed.audience, received, "it is meant for another service")


def _judge_time(
    name: str, span: tuple[datetime | None, datetime | None], skew: timedelta, judging: Judging, now: datetime
) -> None:
    not_before, not_on_or_after = span
    judging.require(
        f"{name}: not before",
        not_before is None or not_before <= now + skew,
        f"by {write_moment(now)}",
        _shown(not_before),
        f"it does not count yet; the clocks differ by more than {_seconds(skew)}",
    )
    judging.require(
        f"{name}: not on or after",
        not_on_or_after is None or not_on_or_after > now - skew,
        f"after {write_moment(now)}",
        _shown(not_on_or_after),
        f"it is over; it came too late, or the clocks differ by more than {_seconds(skew)}",
    )


def _judge_confirmation(assertion: Assertion, believed: Believed, judging: Judging, now: datetime) -> datetime:
    """Whoever brings it may: one confirmation of the kind `bearer` has to be right in all. When it ends."""
    bearers = [each for each in assertion.confirmations if each.method == BEARER]
    judging.require(
        "confirmation", bool(bearers), "bearer", _methods(assertion), "nobody who merely brings it is confirmed by it"
    )
    # Of several, the one that is addressed to us is judged; which one a provider puts first means nothing.
    ours = next((each for each in bearers if each.recipient == believed.acs_url), bearers[0])
    judging.require(
        "recipient",
        ours.recipient == believed.acs_url,
        believed.acs_url,
        ours.recipient,
        "it is meant for another address",
    )
    _judge_request(ours, believed, judging)
    judging.require(
        "confirmation: end",
        ours.not_on_or_after is not None,
        "an end",
        _shown(ours.not_on_or_after),
        "its confirmation has no end",
    )
    _judge_time("confirmation", (ours.not_before, ours.not_on_or_after), believed.skew, judging, now)
    end = ours.not_on_or_after or now
    judging.require(
        "lifetime",
        end <= now + MAX_LIFETIME,
        f"by {write_moment(now + MAX_LIFETIME)}",
        write_moment(end),
        "it counts for longer than a day",
    )
    return end + believed.skew


def _judge_request(confirmation: Confirmation, believed: Believed, judging: Judging) -> None:
    answered = confirmation.in_response_to
    if believed.request_id is None:
        judging.require(
            "unasked",
            believed.allows_unasked,
            "an answer to a request",
            "no request",
            "nobody asked for it, and sign-ins that begin at the provider are not switched on (allows_idp_initiated)",
        )
    judging.require(
        "confirmation: in response to",
        answered == believed.request_id,
        believed.asked,
        answered or "no request",
        "it answers another request, or none",
    )


def _judge_authentication(assertion: Assertion, believed: Believed, judging: Judging, now: datetime) -> None:
    statement = assertion.authentication
    is_there = statement is not None
    judging.require(
        "authentication",
        is_there,
        "a statement",
        "a statement" if is_there else "none",
        "it does not say that anybody signed in",
        fault=Fault.BROKEN,
    )
    ends = None if statement is None else statement.session_ends_at
    _judge_time("session", (None, ends), believed.skew, judging, now)


def _methods(assertion: Assertion) -> str:
    return ", ".join(each.method or "none" for each in assertion.confirmations) or "none"


def _shown(moment: datetime | None) -> str:
    return "nothing" if moment is None else write_moment(moment)


def _seconds(skew: timedelta) -> str:
    return f"{skew.total_seconds():.0f} seconds"
