import copy
from datetime import timedelta

import pytest
from lxml import etree

from app.protocols.saml.signature import SignatureRefused, verified
from tests.federation.saml.idp import Keys, assertion, response, sign
from tests.protocols.saml.judging import (
    NOW,
    Signed,
    accepted,
    refused,
    said,
    signed_assertion,
    signed_response,
)


@pytest.mark.spec("SAML 2.0 Core §2.3.3")
def test_a_signed_assertion_says_who_it_is(keys):
    found = accepted(signed_assertion(keys), keys)
    assert (found.name_id.value, found.attributes) == ("ann", {"mail": ("ann@corp.example",)})
    assert found.authentication.session == "session-1"


@pytest.mark.spec("SAML 2.0 Profiles §4.1.4.2")
def test_a_signed_response_covers_the_assertion_in_it(keys):
    assert accepted(signed_response(keys), keys).name_id.value == "ann"


def test_a_document_is_the_same_after_it_was_judged(keys, attacker):
    about = said()
    root = sign(response(about, sign(assertion(about), keys)), keys)
    before = etree.tostring(root)
    # Each of several keys is tried on the same tree.
    verified(root, [attacker.certificate, keys.certificate])
    with pytest.raises(SignatureRefused):
        verified(root, [attacker.certificate])
    assert etree.tostring(root) == before


def test_both_may_be_signed(keys):
    about = said()
    both = sign(response(about, sign(assertion(about), keys)), keys)
    for wanted in Signed:
        assert accepted(both, keys, signed=wanted).name_id.value == "ann"


def test_a_key_on_a_curve_signs_too():
    pair = Keys.ec()
    method = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
    about = said()
    assert accepted(response(about, sign(assertion(about), pair, method=method)), pair).name_id.value == "ann"


def test_any_of_the_providers_keys_will_do(keys, attacker):
    assert accepted(signed_assertion(keys), keys, certificates=[attacker.certificate, keys.certificate])


@pytest.mark.spec("SAML 2.0 Metadata Interoperability §2.5.1")
def test_a_certificate_past_its_date_still_names_the_key():
    old = Keys.rsa(days=-10)
    assert accepted(signed_assertion(old), old)


def test_white_space_between_elements_means_nothing(keys):
    about = said()
    element = sign(assertion(about), keys)
    outer = response(about, element)
    for each in outer:
        each.tail = "\n  "
    assert accepted(outer, keys).name_id.value == "ann"


@pytest.mark.spec("SAML 2.0 Core §1.3.3")
@pytest.mark.parametrize("seconds", [-59, 359])
def test_clocks_may_differ_by_the_skew(keys, seconds):
    later = NOW + timedelta(seconds=seconds)
    assert accepted(signed_assertion(keys, not_before=NOW, confirmed_until=NOW + timedelta(minutes=5)), keys, now=later)


@pytest.mark.spec("SAML 2.0 Profiles §4.1.5")
def test_a_response_that_nobody_asked_for_counts_only_where_that_is_switched_on(keys):
    unasked = signed_assertion(keys, request_id=None)
    assert accepted(unasked, keys, request_id=None, allows_unasked=True)
    assert refused(unasked, keys, request_id=None) == "unasked"


@pytest.mark.spec("SAML 2.0 Core §3.2.2")
def test_a_provider_that_declines_is_told_apart(keys):
    about = said(status="urn:oasis:names:tc:SAML:2.0:status:Responder")
    assert refused(response(about), keys) == "status"


def test_an_attribute_may_hold_a_name(keys):
    about = said()
    element = assertion(about)
    value = element.find(".//{*}AttributeValue")
    value.text = None
    name = copy.deepcopy(element.find(".//{*}NameID"))
    name.text = "opaque"
    value.append(name)
    found = accepted(response(about, sign(element, keys)), keys)
    assert found.attributes["mail"] == ("opaque",)


def test_what_was_read_is_what_was_signed(keys):
    whole = etree.tostring(signed_assertion(keys, name="ann&amp;bob <ann@corp.example>"))
    assert accepted(whole, keys).name_id.value == "ann&amp;bob <ann@corp.example>"
