"""The catalogue's rows on SAML, against the judgement itself: pure values, no service."""

import base64
import resource
import time
from datetime import timedelta

import pytest
from lxml import etree

from app.protocols.saml.document import DocumentRefused
from app.protocols.saml.names import ENVELOPED, EXC_C14N, tag
from app.protocols.saml.redirect import inflated
from tests.federation.saml.idp import Keys, assertion, clone, hmac_signer, renamed, response, sign, without_signature
from tests.protocols.saml.judging import (
    NOW,
    Signed,
    accepted,
    content,
    refused,
    said,
    signed_assertion,
    signed_response,
)
from tests.protocols.saml.wrapping import WRAPPED

XSLT = "http://www.w3.org/TR/1999/REC-xslt-19991116"
XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"
MORE = "http://www.w3.org/2001/04/xmldsig-more#"


@pytest.mark.spec("SAML 2.0 Core §5.4")
@pytest.mark.attack("SAM-01")
@pytest.mark.parametrize("name", WRAPPED)
def test_what_is_wrapped_around_a_signed_element_is_refused(keys, name):
    whole = WRAPPED[name](said(), keys)
    assert refused(whole, keys) in ("shape", "signature", "signature form")


@pytest.mark.attack("SAM-02")
@pytest.mark.parametrize("forged_first", [True, False])
def test_two_assertions_are_refused_in_either_order(keys, forged_first):
    about = said()
    signed = sign(assertion(about), keys)
    forged = renamed(without_signature(clone(signed)))
    inside = (forged, signed) if forged_first else (signed, forged)
    assert refused(response(about, *inside), keys) == "shape"
    # And under a signature over both of them, which only the provider could make.
    assert refused(sign(response(about, *map(clone, inside)), keys), keys) == "shape"


@pytest.mark.attack("SAM-03")
def test_what_is_not_signed_as_the_connection_wants_is_refused(keys):
    about = said()
    assert refused(response(about, assertion(about)), keys) == "signed"
    cut = without_signature(signed_response(keys))
    assert refused(cut, keys) == "signed"
    lone = signed_assertion(keys)
    without_signature(lone.find(tag("saml:Assertion")))
    assert refused(lone, keys) == "signed"
    for wanted in (Signed.RESPONSE, Signed.BOTH):
        assert refused(signed_assertion(keys), keys, signed=wanted) == "signed"
    for wanted in (Signed.ASSERTION, Signed.BOTH):
        assert refused(signed_response(keys), keys, signed=wanted) == "signed"


@pytest.mark.attack("SAM-03")
def test_a_bad_signature_is_never_made_up_for_by_a_good_one(keys, attacker):
    about = said()
    good_inside = sign(response(about, sign(assertion(about), keys)), attacker)
    assert refused(good_inside, keys) == "signature"
    bad_inside = sign(response(about, sign(assertion(about), attacker)), keys)
    assert refused(bad_inside, keys) == "signature"


@pytest.mark.attack("SAM-04")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b">ann<", b">anm<"),
        (b"ann@corp.example", b"ann@corp.exampla"),
        (b"12:05:00Z", b"12:05:01Z"),
        (b"/metadata</saml:Audience>", b"/metadatb</saml:Audience>"),
        (b"<ds:SignatureValue>", b"<ds:SignatureValue>AAAA"),
    ],
)
@pytest.mark.parametrize("make", [signed_assertion, signed_response])
def test_one_changed_character_is_refused(keys, make, old, new):
    right = content(make(keys))
    assert accepted(right, keys)
    assert old in right
    assert refused(right.replace(old, new, 1), keys) == "signature"


@pytest.mark.attack("SAM-04")
def test_a_comment_in_a_name_is_refused_unread(keys):
    """An XML reader that stops at a comment reads `admin@corp.example`, and the signature still holds."""
    right = content(signed_assertion(keys, name="admin@corp.example.mallory.example"))
    split = right.replace(b"admin@corp.example.mallory", b"admin@corp.example<!-- -->.mallory")
    assert refused(split, keys) == "document"
    for inserted in (b"<?x y?>", b"<![CDATA[.mallory]]>"):
        assert refused(right.replace(b"admin@corp.example", b"admin@corp.example" + inserted, 1), keys) == "document"


@pytest.mark.attack("SAM-05")
@pytest.mark.parametrize("shows_own_certificate", [True, False])
def test_whom_a_signature_says_it_is_by_is_never_believed(keys, attacker, shows_own_certificate):
    about = said()
    forged = sign(assertion(about), attacker, shown=attacker if shows_own_certificate else keys)
    assert refused(response(about, forged), keys) == "signature"


@pytest.mark.attack("SAM-06")
@pytest.mark.parametrize(
    ("method", "digest"),
    [
        ("http://www.w3.org/2000/09/xmldsig#rsa-sha1", "http://www.w3.org/2001/04/xmlenc#sha256"),
        (f"{MORE}rsa-md5", "http://www.w3.org/2001/04/xmlenc#sha256"),
        (f"{MORE}rsa-sha256", "http://www.w3.org/2000/09/xmldsig#sha1"),
        (f"{MORE}rsa-sha256", f"{MORE}md5"),
    ],
)
def test_weak_hashes_are_refused_though_the_right_key_signed(keys, method, digest):
    about = said()
    assert (
        refused(response(about, sign(assertion(about), keys, method=method, digest=digest)), keys) == "signature method"
    )


@pytest.mark.attack("SAM-06")
def test_a_short_key_is_refused_though_the_connection_names_it():
    weak = Keys.rsa(1024)
    assert refused(signed_assertion(weak), weak) == "signature"


@pytest.mark.attack("SAM-06")
def test_the_public_key_is_no_shared_secret(keys):
    about = said()
    for secret in (keys.bare.encode(), base64.b64decode(keys.bare)):
        forged = sign(assertion(about), keys, method=f"{MORE}hmac-sha256", signer=hmac_signer(secret))
        assert refused(response(about, forged), keys) == "signature method"


@pytest.mark.spec("SAML 2.0 Core §5.4.4")
@pytest.mark.attack("SAM-06")
@pytest.mark.parametrize(
    "transforms", [(ENVELOPED, XSLT, EXC_C14N), (ENVELOPED, XPATH, EXC_C14N), (EXC_C14N,), (ENVELOPED,), ()]
)
def test_a_transform_that_is_not_needed_is_refused(keys, transforms):
    about = said()
    assert refused(response(about, sign(assertion(about), keys, transforms=transforms)), keys) == "signature form"


@pytest.mark.attack("SAM-06")
def test_a_style_sheet_inside_a_transform_is_refused_unrun(keys):
    whole = signed_assertion(keys)
    transform = whole.find(f".//{tag('ds:Transform')}")
    transform.set("Algorithm", XSLT)
    sheet = etree.SubElement(transform, "{http://www.w3.org/1999/XSL/Transform}stylesheet")
    etree.SubElement(sheet, "{http://www.w3.org/1999/XSL/Transform}template")
    assert refused(whole, keys) == "shape"


@pytest.mark.spec("SAML 2.0 Core §2.4.1.2")
@pytest.mark.spec("SAML 2.0 Core §2.5.1")
@pytest.mark.spec("SAML 2.0 Bindings §3.5.5.2")
@pytest.mark.attack("SAM-07")
@pytest.mark.parametrize(
    ("changed", "check"),
    [
        ({"not_on_or_after": NOW - timedelta(seconds=61)}, "conditions: not on or after"),
        ({"not_before": NOW + timedelta(seconds=61)}, "conditions: not before"),
        ({"confirmed_until": NOW - timedelta(seconds=61)}, "confirmation: not on or after"),
        ({"confirmed_until": NOW + timedelta(days=2)}, "lifetime"),
        ({"has_conditions": False}, "conditions"),
        ({"audience": None}, "audience"),
        ({"audience": "https://other.example/metadata"}, "audience"),
        ({"recipient": "https://other.example/acs"}, "recipient"),
        ({"destination": "https://other.example/acs"}, "destination"),
        ({"issuer": "https://other.example/idp"}, "response issuer"),
        ({"method": "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"}, "confirmation"),
        ({"now": NOW + timedelta(minutes=5)}, "issued at"),
    ],
)
@pytest.mark.parametrize("make", [signed_assertion, signed_response])
def test_what_is_for_another_time_or_place_is_refused(keys, make, changed, check):
    assert refused(make(keys, **changed), keys) == check


@pytest.mark.spec("SAML 2.0 Core §2.5.1.4")
@pytest.mark.attack("SAM-07")
def test_each_of_several_audience_restrictions_must_name_us(keys):
    about = said()
    element = assertion(about)
    conditions = element.find(tag("saml:Conditions"))
    another = etree.SubElement(conditions, tag("saml:AudienceRestriction"))
    etree.SubElement(another, tag("saml:Audience")).text = "https://other.example/metadata"
    assert refused(response(about, sign(element, keys)), keys) == "audience"


@pytest.mark.attack("SAM-07")
def test_the_issuer_inside_must_be_the_provider_too(keys):
    about = said()
    whole = response(about, sign(assertion(said(issuer="https://other.example/idp")), keys))
    assert refused(whole, keys) == "issuer"


@pytest.mark.spec("SAML 2.0 Profiles §4.1.4.3")
@pytest.mark.attack("SAM-08")
def test_what_answers_another_request_or_none_is_refused(keys):
    for answered in ("_another", None):
        assert refused(signed_assertion(keys, request_id=answered), keys).endswith("in response to")
        assert refused(signed_response(keys, request_id=answered), keys).endswith("in response to")
    assert refused(signed_assertion(keys), keys, request_id=None, allows_unasked=True) == "in response to"


@pytest.mark.attack("SAM-08")
def test_only_what_is_signed_says_which_request_is_answered(keys):
    whole = signed_assertion(keys, request_id="_another")
    whole.set("InResponseTo", said().request_id)
    assert refused(whole, keys) == "confirmation: in response to"


BOMB = b"".join(b'<!ENTITY a%d "%s">' % (level, b"&a%d;" % (level - 1) * 10) for level in range(1, 10))
HOSTILE = {
    "XXE": b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
    "external DTD": b'<!DOCTYPE r SYSTEM "http://127.0.0.1:9/evil.dtd">',
    "parameter entity": b'<!DOCTYPE r [<!ENTITY % p SYSTEM "http://127.0.0.1:9/p"> %p;]>',
    "entity bomb": b'<!DOCTYPE r [<!ENTITY a0 "ha">' + BOMB + b"]>",
}


@pytest.mark.attack("SAM-10")
@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-7"])
def test_declarations_are_refused_before_a_parser_sees_them(keys, name, encoding):
    text = HOSTILE[name].decode() + content(signed_assertion(keys)).decode().replace(">ann<", ">&a9;<")
    declared = f'<?xml version="1.0" encoding="{encoding}"?>{text}'.encode(encoding)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert refused(declared, keys) == "document"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024


@pytest.mark.attack("SAM-10")
def test_what_is_too_large_is_refused_unread(keys):
    begun = time.process_time()
    assert refused(b"<a>" + b"x" * 20_000_000 + b"</a>", keys) == "document"
    packed = _bomb(64 * 1024 * 1024)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DocumentRefused):
        inflated(packed)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 10 * 1024
    assert time.process_time() - begun < 5


@pytest.mark.attack("SAM-10")
def test_a_document_as_deep_or_broad_as_its_size_allows_is_refused(keys):
    assert refused(b"<a>" * 60_000 + b"</a>" * 60_000, keys) == "document"
    assert refused(b'<a b="' + b"x" * 500_000 + b'"/>', keys) == "shape"
    broad = response(said())
    for _ in range(20_000):
        etree.SubElement(broad, tag("saml:Assertion"))
    assert refused(etree.tostring(broad)[: 512 * 1024], keys) in ("document", "shape")


def _bomb(size: int) -> bytes:
    import zlib

    packer = zlib.compressobj(9, wbits=-15)
    chunk = bytes(1024 * 1024)
    return b"".join([*(packer.compress(chunk) for _ in range(size // len(chunk))), packer.flush()])
