"""What may stand where in a document, so that nothing signed can be wrapped into anything else.

A list of what is allowed, not of what is bad: an element that it does not name where it stands is refused, whatever
it is for. `Extensions`, `Advice` and the signature's `Object`, in which forgeries hide what was signed, are not on it.
"""

import re
from collections.abc import Mapping

from lxml import etree

from app.protocols.saml.names import DS, SAML, SAMLP, XENC, prefixed, tag

_ANY = 1_000_000
_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,255}")
_GUARDED = (f"{{{SAML}}}", f"{{{SAMLP}}}", f"{{{DS}}}", f"{{{XENC}}}")


class ShapeRefused(ValueError):
    """A document holds what this place does not allow. The message names the elements and quotes no text."""


def _rules(written: Mapping[str, str]) -> dict[str, dict[str, int]]:
    """`parent: "child child*"`: each child once at most, with a star as often as it likes."""
    return {
        tag(parent): {tag(child.rstrip("*")): _ANY if child.endswith("*") else 1 for child in children.split()}
        for parent, children in written.items()
    }


_SIGNATURE = {
    "ds:Signature": "ds:SignedInfo ds:SignatureValue ds:KeyInfo",
    "ds:SignedInfo": "ds:CanonicalizationMethod ds:SignatureMethod ds:Reference",
    "ds:CanonicalizationMethod": "ec:InclusiveNamespaces",
    "ds:Reference": "ds:Transforms ds:DigestMethod ds:DigestValue",
    "ds:Transforms": "ds:Transform*",
    "ds:Transform": "ec:InclusiveNamespaces",
    # Whatever a sender says about its key: it is never read, and only what XML Signature itself defines may stand here.
    "ds:KeyInfo": "ds:KeyName* ds:KeyValue ds:X509Data* ds11:DEREncodedKeyValue xenc:EncryptedKey ds:RetrievalMethod",
    "ds:KeyValue": "ds:RSAKeyValue ds11:ECKeyValue",
    "ds:RSAKeyValue": "ds:Modulus ds:Exponent",
    "ds11:ECKeyValue": "ds11:NamedCurve ds11:PublicKey",
    "ds:X509Data": "ds:X509Certificate* ds:X509SubjectName* ds:X509IssuerSerial* ds:X509SKI* ds11:X509Digest*",
    "ds:X509IssuerSerial": "ds:X509IssuerName ds:X509SerialNumber",
}
_ENCRYPTION = {
    "saml:EncryptedAssertion": "xenc:EncryptedData xenc:EncryptedKey",
    "xenc:EncryptedData": "xenc:EncryptionMethod ds:KeyInfo xenc:CipherData",
    "xenc:EncryptedKey": "xenc:EncryptionMethod ds:KeyInfo xenc:CipherData xenc:CarriedKeyName xenc:ReferenceList",
    "xenc:EncryptionMethod": "xenc:KeySize xenc:OAEPparams ds:DigestMethod xenc11:MGF",
    "xenc:CipherData": "xenc:CipherValue",
    "xenc:ReferenceList": "xenc:DataReference*",
}
_ASSERTION = {
    "saml:Assertion": "saml:Issuer ds:Signature saml:Subject saml:Conditions saml:AuthnStatement* "
    "saml:AttributeStatement*",
    "saml:Subject": "saml:NameID saml:SubjectConfirmation*",
    "saml:SubjectConfirmation": "saml:NameID saml:SubjectConfirmationData",
    "saml:Conditions": "saml:AudienceRestriction* saml:OneTimeUse saml:ProxyRestriction",
    "saml:ProxyRestriction": "saml:Audience*",
    "saml:AudienceRestriction": "saml:Audience*",
    "saml:AuthnStatement": "saml:SubjectLocality saml:AuthnContext",
    "saml:AuthnContext": "saml:AuthnContextClassRef saml:AuthnContextDeclRef saml:AuthenticatingAuthority*",
    "saml:AttributeStatement": "saml:Attribute*",
    "saml:Attribute": "saml:AttributeValue*",
    "saml:AttributeValue": "saml:NameID",
}
_STATUS = {
    "samlp:Status": "samlp:StatusCode samlp:StatusMessage samlp:StatusDetail",
    "samlp:StatusCode": "samlp:StatusCode",
}
ASSERTION_SHAPE = _rules(_ASSERTION | _SIGNATURE)
RESPONSE_SHAPE = _rules(
    {"samlp:Response": "saml:Issuer ds:Signature samlp:Status saml:Assertion saml:EncryptedAssertion"}
    | _STATUS
    | _ENCRYPTION
    | _ASSERTION
    | _SIGNATURE
)
LOGOUT_SHAPE = _rules(
    {
        "samlp:LogoutRequest": "saml:Issuer ds:Signature saml:NameID samlp:SessionIndex*",
        "samlp:LogoutResponse": "saml:Issuer ds:Signature samlp:Status",
    }
    | _STATUS
    | _SIGNATURE
)
_DETAIL = tag("samlp:StatusDetail")
_WITH_ID = {
    tag(name): "ID" for name in ("samlp:Response", "saml:Assertion", "samlp:LogoutRequest", "samlp:LogoutResponse")
}
_MAY_HAVE_ID = frozenset(
    tag(name) for name in ("ds:Signature", "ds:SignatureValue", "ds:KeyInfo", "xenc:EncryptedData", "xenc:EncryptedKey")
)


def check_shape(root: etree._Element, shape: Mapping[str, Mapping[str, int]], *, roots: frozenset[str]) -> None:
    """Refuse a document with anything in it that `shape` does not name in its place. Raises ShapeRefused."""
    if root.tag not in roots:
        raise ShapeRefused(f"the document begins with {prefixed(str(root.tag))}")
    waiting, seen_ids = [root], set[str]()
    while waiting:
        element = waiting.pop()
        _check_ids(element, seen_ids)
        if element.tag == _DETAIL:
            _check_detail(element)
            continue
        waiting += _children(element, shape.get(str(element.tag), {}))


def _children(element: etree._Element, allowed: Mapping[str, int]) -> list[etree._Element]:
    counts: dict[str, int] = {}
    children = list(element)
    if children and _is_written(element.text):
        raise ShapeRefused(f"{prefixed(str(element.tag))} holds text beside its elements")
    for child in children:
        name = str(child.tag)
        counts[name] = counts.get(name, 0) + 1
        if name not in allowed:
            raise ShapeRefused(f"{prefixed(name)} stands in {prefixed(str(element.tag))}, where it may not")
        if counts[name] > allowed[name]:
            raise ShapeRefused(f"{prefixed(str(element.tag))} holds more than one {prefixed(name)}")
        if _is_written(child.tail):
            raise ShapeRefused(f"{prefixed(str(element.tag))} holds text beside its elements")
    return children


def _check_ids(element: etree._Element, seen: set[str]) -> None:
    """Every id of the document once, under the one name that its element has for it. Other spellings mislead."""
    name = str(element.tag)
    for attribute, value in element.attrib.items():
        if str(attribute).rpartition("}")[2].lower() != "id":
            continue
        wanted = _WITH_ID.get(name) or ("Id" if name in _MAY_HAVE_ID else None)
        if attribute != wanted:
            raise ShapeRefused(f"{prefixed(name)} has an id where none belongs")
        if _ID.fullmatch(str(value)) is None or value in seen:
            raise ShapeRefused(f"the id of {prefixed(name)} is malformed, or not the only one of its value")
        seen.add(str(value))
    if name in _WITH_ID and element.get("ID") is None:
        raise ShapeRefused(f"{prefixed(name)} has no ID")


def _check_detail(element: etree._Element) -> None:
    """What a sender tells of its failure may be anything but what could be taken for something else."""
    for inner in element.iterdescendants():
        if str(inner.tag).startswith(_GUARDED):
            raise ShapeRefused(f"{prefixed(str(inner.tag))} stands in samlp:StatusDetail, where it may not")
        if any(str(attribute).rpartition("}")[2].lower() == "id" for attribute in inner.attrib):
            raise ShapeRefused("samlp:StatusDetail has an id where none belongs")


def _is_written(text: str | None) -> bool:
    return text is not None and not text.isspace() and text != ""
