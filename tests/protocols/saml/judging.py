"""What the tests of a response's judgement share: a right one, and how it is judged."""

from datetime import UTC, datetime, timedelta

import pytest
from lxml import etree

from app.protocols.saml.conditions import Believed
from app.protocols.saml.refusal import ResponseRefused
from app.protocols.saml.response import Expected, Signed, judge_response
from app.protocols.trace import Trace
from tests.federation.saml.idp import ENTITY_ID, Keys, Said, assertion, response, sign

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ACS = "https://auth.example.com/auth/saml/corp/acs"
SP = "https://auth.example.com/auth/saml/corp/metadata"
REQUEST = "_0123456789abcdefghijkl"


def said(**changed) -> Said:
    return Said(**({"acs_url": ACS, "audience": SP, "request_id": REQUEST, "now": NOW} | changed))


def believed(**changed) -> Believed:
    values = {"issuer": ENTITY_ID, "audience": SP, "acs_url": ACS, "request_id": REQUEST}
    return Believed(**(values | {"skew": timedelta(seconds=60)} | changed))


def expected(keys: Keys, /, **changed) -> Expected:
    about = {name: changed.pop(name) for name in ("request_id", "allows_unasked", "skew") if name in changed}
    values = {"certificates": [keys.certificate], "believed": believed(**about)}
    return Expected(**(values | changed))


def content(element: etree._Element | bytes) -> bytes:
    return element if isinstance(element, bytes) else etree.tostring(element)


def accepted(element: etree._Element | bytes, keys: Keys, /, *, now: datetime = NOW, **changed):
    return judge_response(content(element), expected(keys, **changed), now=now, trace=Trace()).assertion


def refused(element: etree._Element | bytes, keys: Keys, /, *, now: datetime = NOW, **changed) -> str:
    """The check at which it was refused."""
    trace = Trace()
    with pytest.raises(ResponseRefused):
        judge_response(content(element), expected(keys, **changed), now=now, trace=trace)
    failed = trace.failed
    assert failed is not None
    return failed.name


def signed_assertion(keys: Keys, **changed) -> etree._Element:
    about = said(**changed)
    return response(about, sign(assertion(about), keys))


def signed_response(keys: Keys, **changed) -> etree._Element:
    about = said(**changed)
    return sign(response(about, assertion(about)), keys)


__all__ = [
    "ACS",
    "NOW",
    "REQUEST",
    "SP",
    "Signed",
    "accepted",
    "refused",
    "said",
    "signed_assertion",
    "signed_response",
]
