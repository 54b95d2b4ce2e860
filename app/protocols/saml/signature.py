"""Whose word a document is: signatures over a whole element, by keys that are known beforehand.

The library computes; what may be computed is decided here before it is called. What a signature says about its key is
never read. The tree that comes back is parsed from the very bytes that were signed: read that one, and no other.

Specs: SAML 2.0 Core §5.4; XML Signature §3.2, §4.
"""

import base64
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod
from signxml.exceptions import InvalidSignature, SignXMLException
from signxml.signer import XMLSigner
from signxml.verifier import SignatureConfiguration, XMLVerifier

from app.protocols.saml.certificates import bare, fault_of
from app.protocols.saml.document import strict_parser
from app.protocols.saml.names import DS, ENVELOPED, EXC_C14N, tag

RSA_METHODS = frozenset(
    {
        SignatureMethod.RSA_SHA256,
        SignatureMethod.RSA_SHA384,
        SignatureMethod.RSA_SHA512,
        SignatureMethod.SHA256_RSA_MGF1,
        SignatureMethod.SHA384_RSA_MGF1,
        SignatureMethod.SHA512_RSA_MGF1,
    }
)
EC_METHODS = frozenset({SignatureMethod.ECDSA_SHA256, SignatureMethod.ECDSA_SHA384, SignatureMethod.ECDSA_SHA512})
DIGESTS = frozenset({DigestAlgorithm.SHA256, DigestAlgorithm.SHA384, DigestAlgorithm.SHA512})
_METHODS = {method.value: method for method in RSA_METHODS | EC_METHODS}
_DIGEST_URIS = frozenset(digest.value for digest in DIGESTS)
_SIGNATURE = tag("ds:Signature")
_WITH_ID = etree.XPath("//*[@*[local-name() = 'ID'] = $uri]")
_MAX_SIGNATURE_CHARACTERS = 4096


class SignatureRefused(ValueError):
    """An element is not signed by a key of the provider, or in no way that is believed. `check` names what failed."""

    def __init__(self, check: str, message: str) -> None:
        super().__init__(message)
        self.check = check


class _ParentVerifier(XMLVerifier):
    """The library's verifier for a signature that stands in the very element it covers, and is judged already.

    The library copies what it is given before it looks for anything, and compiles its search for what a reference
    names each time. Here the tree is taken as it is, for nothing changes it, and what is named must be the parent too.
    Certificates have no dates here; see `certificates`.
    """

    def get_root(self, data: etree._Element) -> etree._Element:
        """What is verified: each reference is computed on a copy of it that the library makes anyway."""
        return data

    def _check_cert_validity(self, cert: x509.Certificate, cert_source: str) -> None:
        """Nothing: the metadata names the key, until it does so no more."""

    def _resolve_reference(
        self,
        doc_root: etree._Element,
        reference: etree._Element,
        uri_resolver: object = None,  # noqa: ARG002 — nothing outside the document is ever read
    ) -> etree._Element:
        uri = str(reference.get("URI"))
        found = _WITH_ID(doc_root, uri=uri.removeprefix("#"))
        # Not an element of that name elsewhere, nor one of several.
        if not uri.startswith("#") or found != [doc_root]:
            raise InvalidSignature("the reference names another element, or more than one")
        return doc_root


def is_signed(element: etree._Element) -> bool:
    """Whether the element has a signature as its own child, be it good or bad."""
    return element.find(_SIGNATURE) is not None


def verified(element: etree._Element, certificates: Sequence[x509.Certificate]) -> etree._Element:
    """The element as one of these keys signed it: the only tree to read. Its signature is no longer in it.

    `element` has passed its shape. Raises SignatureRefused.
    """
    signature = element.find(_SIGNATURE)
    if signature is None:
        raise SignatureRefused("signature", "it is not signed")
    method = _judge(signature, str(element.get("ID")))
    # A key signs by its own kind of method alone, so that no public key is ever taken for a shared secret.
    fitting = [each for each in certificates if fault_of(each) is None and method in _methods_of(each)]
    for certificate in fitting:
        found = _verified_by(element, certificate)
        if found is not None:
            if found.tag != element.tag or found.get("ID") != element.get("ID"):
                raise SignatureRefused("signature", "the signature covers another element")
            return found
    raise SignatureRefused("signature", "no key of the provider has made this signature, or what it covers was changed")


def signed(element: etree._Element, key: RSAPrivateKey, certificate: x509.Certificate, *, after: str) -> etree._Element:
    """The element with our signature, which stands behind its child `after`. Spec: SAML 2.0 Core §5.4."""
    place = etree.Element(_SIGNATURE, attrib={"Id": "placeholder"}, nsmap={"ds": DS})
    before = element.find(after)
    if before is None:
        raise ValueError("the element has no such child")
    before.addnext(place)
    signer = XMLSigner(c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0)
    return signer.sign(element, key=key, cert=[certificate], reference_uri=str(element.get("ID")))


def key_info(certificate: x509.Certificate) -> etree._Element:
    """A certificate as metadata carries it."""
    info = etree.Element(tag("ds:KeyInfo"), nsmap={"ds": DS})
    data = etree.SubElement(info, tag("ds:X509Data"))
    etree.SubElement(data, tag("ds:X509Certificate")).text = bare(certificate)
    return info


def _methods_of(certificate: x509.Certificate) -> frozenset[SignatureMethod]:
    return EC_METHODS if isinstance(certificate.public_key(), EllipticCurvePublicKey) else RSA_METHODS


def _judge(signature: etree._Element, parent_id: str) -> SignatureMethod:
    """The method of a signature that is of the one accepted form. Raises SignatureRefused."""
    info = signature.find(tag("ds:SignedInfo"))
    reference = None if info is None else info.find(tag("ds:Reference"))
    if info is None or reference is None:
        raise SignatureRefused("signature", "the signature covers nothing")
    algorithm = _algorithm(info, "ds:SignatureMethod")
    if algorithm not in _METHODS:
        raise SignatureRefused(
            "signature method", f"it is signed by {algorithm}; RSA or ECDSA with SHA-256 or more is accepted"
        )
    if _algorithm(info, "ds:CanonicalizationMethod") != EXC_C14N:
        raise SignatureRefused("signature form", "SignedInfo is not in exclusive canonical XML without comments")
    transforms = [step.get("Algorithm") for step in reference.findall(f"{tag('ds:Transforms')}/{tag('ds:Transform')}")]
    if transforms != [ENVELOPED, EXC_C14N]:
        raise SignatureRefused(
            "signature form", "its transforms are not enveloped-signature and then exclusive canonical XML"
        )
    digest = _algorithm(reference, "ds:DigestMethod")
    if digest not in _DIGEST_URIS:
        raise SignatureRefused("signature method", f"its digest is {digest}; SHA-256 or more is accepted")
    # An empty URI would mean the whole document, wherever the signature stands.
    if reference.get("URI") != f"#{parent_id}":
        raise SignatureRefused("signature form", "its reference does not name the element that it stands in")
    for value in (signature.findtext(tag("ds:SignatureValue")), reference.findtext(tag("ds:DigestValue"))):
        if value is None or len(value) > _MAX_SIGNATURE_CHARACTERS or not _is_base64(value):
            raise SignatureRefused("signature form", "its value is no base64")
    return _METHODS[algorithm]


def _algorithm(parent: etree._Element, name: str) -> str:
    found = parent.find(tag(name))
    return "nothing" if found is None else str(found.get("Algorithm"))[:200]


def _is_base64(text: str) -> bool:
    try:
        return bool(base64.b64decode("".join(text.split()), validate=True))
    except ValueError:
        return False


def _verified_by(element: etree._Element, certificate: x509.Certificate) -> etree._Element | None:
    """What this key has signed of the element; None where it has not."""
    config = SignatureConfiguration(
        location="./",
        expect_references=1,
        signature_methods=_methods_of(certificate),
        digest_algorithms=DIGESTS,
        ignore_ambiguous_key_info=True,
    )
    try:
        result = _ParentVerifier().verify(
            element,
            x509_cert=certificate,
            validate_schema=False,
            parser=strict_parser(),
            id_attribute="ID",
            expect_config=config,
        )
    except InvalidSignature:
        return None
    except (SignXMLException, etree.LxmlError, ValueError):
        raise SignatureRefused("signature", "the signature cannot be computed") from None
    if isinstance(result, list) or result.signed_xml is None:
        raise SignatureRefused("signature", "the signature covers no single element")
    return result.signed_xml
