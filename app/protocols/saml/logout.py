"""Judging a message about the end of a session. Spec: SAML 2.0 Core §3.7; Profiles §4.4.4.

None counts without the provider's signature: a forged one would sign people out at will.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lxml import etree

from app.protocols.saml.assertion import AssertionRefused, NameID, read_name_id, text_of
from app.protocols.saml.document import DocumentRefused
from app.protocols.saml.moments import MomentRefused, read_moment, write_moment
from app.protocols.saml.names import tag
from app.protocols.saml.refusal import Fault, Judging
from app.protocols.saml.shape import LOGOUT_SHAPE, ShapeRefused, check_shape
from app.protocols.saml.signature import SignatureRefused
from app.protocols.saml.status import Status, read_status

LOGOUT_REQUEST = tag("samlp:LogoutRequest")
LOGOUT_RESPONSE = tag("samlp:LogoutResponse")
# How long a message may have been on its way where it does not say so itself.
ON_ITS_WAY = timedelta(minutes=5)
REFUSALS = (DocumentRefused, ShapeRefused, SignatureRefused, AssertionRefused, MomentRefused)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutExpected:
    """Who must have sent it, and to which of our addresses."""

    issuer: str
    destination: str
    skew: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutAsked:
    """A provider's request to end somebody's sessions: those named, or all where none is."""

    id: str
    name_id: NameID
    sessions: tuple[str, ...]
    issued_at: datetime
    remembered_until: datetime


def check_logout_shape(root: etree._Element, wanted: str) -> None:
    """Refuse a document that is no such message. Raises ShapeRefused."""
    check_shape(root, LOGOUT_SHAPE, roots=frozenset({wanted}))


def judge_logout_request(
    element: etree._Element, expected: LogoutExpected, judging: Judging, now: datetime
) -> LogoutAsked:
    """What a signed request asks for. Raises ResponseRefused, AssertionRefused, MomentRefused."""
    issued_at = _judge_head(element, expected, judging, now)
    end = read_moment(element.get("NotOnOrAfter")) or issued_at + ON_ITS_WAY
    judging.require(
        "not on or after",
        end > now - expected.skew,
        f"after {write_moment(now)}",
        write_moment(end),
        "it came too late",
    )
    name = element.find(tag("saml:NameID"))
    judging.require("name", name is not None, "a name", "none", "it does not say whom it means", fault=Fault.BROKEN)
    sessions = tuple(text_of(each) or "" for each in element.findall(tag("samlp:SessionIndex")))
    return LogoutAsked(
        id=str(element.get("ID")),
        name_id=read_name_id(name if name is not None else element),
        sessions=tuple(each for each in sessions if each),
        issued_at=issued_at,
        remembered_until=max(end, now) + expected.skew,
    )


def judge_logout_response(
    element: etree._Element, expected: LogoutExpected, judging: Judging, now: datetime, *, request_ids: Sequence[str]
) -> Status:
    """What became of a request of ours. Raises ResponseRefused, MomentRefused."""
    _judge_head(element, expected, judging, now)
    answered = element.get("InResponseTo")
    judging.require(
        "in response to", answered in request_ids, ", ".join(request_ids), answered, "it answers another request"
    )
    return read_status(element)


def _judge_head(element: etree._Element, expected: LogoutExpected, judging: Judging, now: datetime) -> datetime:
    judging.require("version", element.get("Version") == "2.0", "2.0", element.get("Version"), "it is not of SAML 2.0")
    destination = element.get("Destination")
    right = destination == expected.destination
    judging.require("destination", right, expected.destination, destination, "it was sent to another address")
    issuer = text_of(element.find(tag("saml:Issuer")))
    judging.require("issuer", issuer == expected.issuer, expected.issuer, issuer, "it comes from another provider")
    issued_at = read_moment(element.get("IssueInstant"))
    is_timely = issued_at is not None and now - ON_ITS_WAY - expected.skew < issued_at <= now + expected.skew
    judging.require(
        "issued at",
        is_timely,
        f"about {write_moment(now)}",
        "nothing" if issued_at is None else write_moment(issued_at),
        "it is old, or from the future",
    )
    return issued_at or now
