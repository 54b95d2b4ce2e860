"""Judging a response: from the bytes that a browser brought to an assertion that may be believed.

Each check is noted with what was expected and received. What is read before a signature is verified can only refuse.
Specs: SAML 2.0 Profiles §4.1.4; Core §2.5, §5.4.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from lxml import etree

from app.protocols.saml.assertion import AssertionRefused, read_assertion
from app.protocols.saml.conditions import Accepted, Believed, judge_assertion
from app.protocols.saml.document import DocumentRefused, read_document, read_fragment
from app.protocols.saml.encryption import DecryptionRefused, decrypted, is_cbc
from app.protocols.saml.moments import MomentRefused
from app.protocols.saml.names import tag
from app.protocols.saml.refusal import Fault, Judging, ResponseRefused
from app.protocols.saml.shape import ASSERTION_SHAPE, RESPONSE_SHAPE, ShapeRefused, check_shape
from app.protocols.saml.signature import SignatureRefused, is_signed, verified
from app.protocols.saml.status import read_status
from app.protocols.trace import Trace

_ASSERTION = tag("saml:Assertion")
_ENCRYPTED = tag("saml:EncryptedAssertion")


class Signed(StrEnum):
    """What of a response must carry the provider's signature."""

    ANY = "any"
    """Either will do: the response covers the assertion in it."""
    ASSERTION = "assertion"
    RESPONSE = "response"
    BOTH = "both"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a response is judged by. `keys` open what was encrypted for us; `certificates` are the provider's."""

    certificates: Sequence[x509.Certificate]
    believed: Believed
    keys: Sequence[RSAPrivateKey] = field(default=(), repr=False)
    signed: Signed = Signed.ANY
    requires_encryption: bool = False
    allows_cbc: bool = False


def judge_response(content: bytes, expected: Expected, *, now: datetime, trace: Trace) -> Accepted:
    """The assertion of a response, once all of it is right. Raises ResponseRefused."""
    judging = Judging(trace)
    try:
        return _judge(content, expected, judging, now)
    except DocumentRefused as error:
        judging.refuse("document", Fault.FORGED, str(error))
    except ShapeRefused as error:
        judging.refuse("shape", Fault.FORGED, str(error))
    except SignatureRefused as error:
        judging.refuse(error.check, Fault.FORGED, str(error))
    except DecryptionRefused as error:
        judging.refuse("encryption", Fault.BROKEN, str(error))
    except (AssertionRefused, MomentRefused) as error:
        judging.refuse("assertion", Fault.BROKEN, str(error))
    raise ResponseRefused(Fault.BROKEN, "unreachable")


def _judge(content: bytes, expected: Expected, judging: Judging, now: datetime) -> Accepted:
    root = read_document(content)
    check_shape(root, RESPONSE_SHAPE, roots=frozenset({tag("samlp:Response")}))
    response_is_signed = is_signed(root)
    response = verified(root, expected.certificates) if response_is_signed else root
    judging.note(
        "response signature", expected=_wanted(expected.signed, "response"), received=_word(response_is_signed)
    )
    _judge_head(response, expected.believed, judging, is_signed_too=response_is_signed)
    assertion = _only_assertion(response, expected, judging, response_is_signed=response_is_signed)
    assertion_is_signed = is_signed(assertion)
    if assertion_is_signed:
        assertion = verified(assertion, expected.certificates)
    judging.note(
        "assertion signature", expected=_wanted(expected.signed, "assertion"), received=_word(assertion_is_signed)
    )
    _judge_coverage(expected.signed, judging, response=response_is_signed, assertion=assertion_is_signed)
    return judge_assertion(read_assertion(assertion), expected.believed, judging, now)


def _judge_head(response: etree._Element, believed: Believed, judging: Judging, *, is_signed_too: bool) -> None:
    """The response around the assertion. Without a signature of its own it can only be refused for what it says."""
    judging.require(
        "version", response.get("Version") == "2.0", "2.0", response.get("Version"), "it is not of SAML 2.0"
    )
    destination = response.get("Destination")
    # Where it is signed it must say where to, so that nobody carries it elsewhere. Spec: Bindings §3.5.5.2.
    right = destination == believed.acs_url or (destination is None and not is_signed_too)
    judging.require("destination", right, believed.acs_url, destination, "it was sent to another address")
    issuer = response.findtext(tag("saml:Issuer"))
    right = issuer is None or issuer.strip() == believed.issuer
    judging.require("response issuer", right, believed.issuer, issuer, "it comes from another provider")
    answered = response.get("InResponseTo")
    right = answered == believed.request_id or (answered is None and not is_signed_too)
    judging.require(
        "in response to", right, believed.asked, answered or "no request", "it answers another request, or none"
    )
    status = read_status(response)
    fault = Fault.CANCELLED if status.is_declined else Fault.BROKEN
    judging.require("status", status.is_success, "Success", status.shown, status.words, fault=fault)


def _only_assertion(
    response: etree._Element, expected: Expected, judging: Judging, *, response_is_signed: bool
) -> etree._Element:
    """The one assertion, opened if need be."""
    plain, closed = response.findall(_ASSERTION), response.findall(_ENCRYPTED)
    count = len(plain) + len(closed)
    judging.require("assertions", count == 1, "1", str(count), "it does not hold exactly one assertion")
    if plain:
        judging.require(
            "encryption", not expected.requires_encryption, "encrypted", "plain", "the assertion is not encrypted"
        )
        return plain[0]
    if is_cbc(closed[0]) and expected.allows_cbc and not response_is_signed:
        # Whoever may change the cipher text and watch what comes of it reads it in the end.
        raise DecryptionRefused("AES-CBC is accepted only inside a response that is signed itself")
    content = decrypted(closed[0], expected.keys, allows_cbc=expected.allows_cbc)
    assertion = read_fragment(content, closed[0].nsmap)
    check_shape(assertion, ASSERTION_SHAPE, roots=frozenset({_ASSERTION}))
    judging.note("encryption", expected="encrypted" if expected.requires_encryption else "either", received="encrypted")
    return assertion


def _judge_coverage(wanted: Signed, judging: Judging, *, response: bool, assertion: bool) -> None:
    have = " and ".join([*(["response"] if response else []), *(["assertion"] if assertion else [])]) or "nothing"
    right = {
        Signed.ANY: response or assertion,
        Signed.ASSERTION: assertion,
        Signed.RESPONSE: response,
        Signed.BOTH: response and assertion,
    }[wanted]
    judging.require(
        "signed", right, wanted.value, have, f"signed is {have}, and this connection wants {_SIGNED[wanted]}"
    )


_SIGNED = {
    Signed.ANY: "the response or the assertion",
    Signed.ASSERTION: "the assertion",
    Signed.RESPONSE: "the response",
    Signed.BOTH: "both the response and the assertion",
}


def _wanted(signed: Signed, part: str) -> str:
    return "signed" if signed in (Signed.BOTH, part) else "either"


def _word(is_there: bool) -> str:  # noqa: FBT001 — a word for a truth
    return "signed" if is_there else "not signed"
