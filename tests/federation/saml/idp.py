"""An identity provider that says whatever a test wants it to, signed in whatever way, or not at all."""

import base64
import copy
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import quote_plus
from uuid import uuid4

from cryptography import x509
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from app.protocols.saml.moments import write_moment
from app.protocols.saml.names import (
    BEARER,
    DS,
    ENVELOPED,
    EXC_C14N,
    MD,
    PERSISTENT,
    POST,
    REDIRECT,
    SAML,
    SAMLP,
    SUCCESS,
    tag,
)

ENTITY_ID = "https://idp.example.org/saml"
SIGN_IN = "https://idp.example.org/sso"
SIGN_OUT = "https://idp.example.org/slo"
MORE = "http://www.w3.org/2001/04/xmldsig-more#"
RSA_SHA256, SHA256 = f"{MORE}rsa-sha256", "http://www.w3.org/2001/04/xmlenc#sha256"
_DIGESTS = {
    SHA256: hashes.SHA256,
    "http://www.w3.org/2001/04/xmlenc#sha512": hashes.SHA512,
    f"{DS}sha1": hashes.SHA1,
    f"{MORE}md5": hashes.MD5,
}
_METHODS = {
    RSA_SHA256: hashes.SHA256,
    f"{MORE}rsa-sha512": hashes.SHA512,
    f"{DS}rsa-sha1": hashes.SHA1,
    f"{MORE}rsa-md5": hashes.MD5,
}


def self_signed(key, *, name: str = "idp.example.org", days: int = 365) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - timedelta(days=730))
    return builder.not_valid_after(now + timedelta(days=days)).sign(key, hashes.SHA256())


@dataclass
class Keys:
    """A key pair of a provider."""

    key: object
    certificate: x509.Certificate

    @classmethod
    def rsa(cls, bits: int = 2048, **fields) -> "Keys":
        key = rsa.generate_private_key(65537, bits)
        return cls(key, self_signed(key, **fields))

    @classmethod
    def ec(cls) -> "Keys":
        key = ec.generate_private_key(ec.SECP256R1())
        return cls(key, self_signed(key))

    @property
    def bare(self) -> str:
        return base64.b64encode(self.certificate.public_bytes(Encoding.DER)).decode()


@dataclass(kw_only=True)
class Said:
    """What a response says. Every member may be changed; None leaves it out."""

    acs_url: str
    audience: str | None
    request_id: str | None
    now: datetime
    issuer: str = ENTITY_ID
    name: str | None = "ann"
    name_format: str | None = PERSISTENT
    qualifiers: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, Sequence[str]] = field(default_factory=lambda: {"mail": ["ann@corp.example"]})
    recipient: str | None = None
    destination: str | None = None
    not_before: datetime | None = None
    not_on_or_after: datetime | None = None
    confirmed_until: datetime | None = None
    status: str = SUCCESS
    has_conditions: bool = True
    session_index: str | None = "session-1"
    method: str = BEARER
    context: str = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
    id: str = field(default_factory=lambda: f"_{uuid4().hex}")

    def __post_init__(self) -> None:
        self.recipient = self.recipient or self.acs_url
        self.destination = self.destination or self.acs_url
        self.not_before = self.not_before or self.now - timedelta(seconds=5)
        self.not_on_or_after = self.not_on_or_after or self.now + timedelta(minutes=5)
        self.confirmed_until = self.confirmed_until or self.now + timedelta(minutes=5)


def assertion(said: Said) -> etree._Element:
    element = etree.Element(
        tag("saml:Assertion"),
        attrib={"ID": said.id, "Version": "2.0", "IssueInstant": write_moment(said.now)},
        nsmap={"saml": SAML},
    )
    _child(element, "saml:Issuer").text = said.issuer
    subject = _child(element, "saml:Subject")
    if said.name is not None:
        named = {"Format": said.name_format} if said.name_format else {}
        _child(subject, "saml:NameID", **named, **said.qualifiers).text = said.name
    confirmation = _child(subject, "saml:SubjectConfirmation", Method=said.method)
    data = {"Recipient": said.recipient, "NotOnOrAfter": write_moment(said.confirmed_until)}
    if said.request_id is not None:
        data["InResponseTo"] = said.request_id
    _child(confirmation, "saml:SubjectConfirmationData", **data)
    if said.has_conditions:
        times = {"NotBefore": write_moment(said.not_before), "NotOnOrAfter": write_moment(said.not_on_or_after)}
        conditions = _child(element, "saml:Conditions", **times)
        if said.audience is not None:
            restriction = _child(conditions, "saml:AudienceRestriction")
            _child(restriction, "saml:Audience").text = said.audience
    index = {} if said.session_index is None else {"SessionIndex": said.session_index}
    statement = _child(element, "saml:AuthnStatement", AuthnInstant=write_moment(said.now), **index)
    _child(_child(statement, "saml:AuthnContext"), "saml:AuthnContextClassRef").text = said.context
    attributes = _child(element, "saml:AttributeStatement")
    for name, values in said.attributes.items():
        attribute = _child(attributes, "saml:Attribute", Name=name)
        for value in values:
            _child(attribute, "saml:AttributeValue").text = value
    return element


def response(said: Said, *inside: etree._Element) -> etree._Element:
    attributes = {
        "ID": f"_r{uuid4().hex}",
        "Version": "2.0",
        "IssueInstant": write_moment(said.now),
        "Destination": said.destination,
    }
    if said.request_id is not None:
        attributes["InResponseTo"] = said.request_id
    element = etree.Element(tag("samlp:Response"), attrib=attributes, nsmap={"samlp": SAMLP, "saml": SAML})
    _child(element, "saml:Issuer").text = said.issuer
    _child(_child(element, "samlp:Status"), "samlp:StatusCode", Value=said.status)
    for each in inside:
        element.append(each)
    return element


def sign(
    element: etree._Element,
    keys: Keys,
    *,
    method: str = RSA_SHA256,
    digest: str = SHA256,
    transforms: Sequence[str] = (ENVELOPED, EXC_C14N),
    canonicalization: str = EXC_C14N,
    uri: str | None = None,
    shown: Keys | None = None,
    signer: Callable[[bytes], bytes] | None = None,
) -> etree._Element:
    """Put a signature behind the issuer. Whatever is wrong about it is asked for; `shown` is whom its KeyInfo names."""
    value = hashes.Hash(_DIGESTS[digest]())
    value.update(etree.tostring(element, method="c14n", exclusive=True, with_comments=False))
    signature = etree.Element(tag("ds:Signature"), nsmap={"ds": DS})
    info = _child(signature, "ds:SignedInfo")
    _child(info, "ds:CanonicalizationMethod", Algorithm=canonicalization)
    _child(info, "ds:SignatureMethod", Algorithm=method)
    reference = _child(info, "ds:Reference", URI=f"#{element.get('ID')}" if uri is None else uri)
    steps = _child(reference, "ds:Transforms")
    for step in transforms:
        _child(steps, "ds:Transform", Algorithm=step)
    _child(reference, "ds:DigestMethod", Algorithm=digest)
    _child(reference, "ds:DigestValue").text = base64.b64encode(value.finalize()).decode()
    element.find(tag("saml:Issuer")).addnext(signature)
    signed = etree.tostring(info, method="c14n", exclusive=True, with_comments=False)
    made = (signer or _signer(keys, method))(signed)
    _child(signature, "ds:SignatureValue").text = base64.b64encode(made).decode()
    data = _child(_child(signature, "ds:KeyInfo"), "ds:X509Data")
    _child(data, "ds:X509Certificate").text = (shown or keys).bare
    return element


def hmac_signer(secret: bytes) -> Callable[[bytes], bytes]:
    def signer(content: bytes) -> bytes:
        code = hmac.HMAC(secret, hashes.SHA256())
        code.update(content)
        return code.finalize()

    return signer


def encoded(element: etree._Element | bytes) -> str:
    content = element if isinstance(element, bytes) else etree.tostring(element)
    return base64.b64encode(content).decode()


def query(name: str, element: etree._Element, keys: Keys | None, relay_state: str | None = None) -> str:
    """A message as an address carries it, signed by `keys`."""
    packer = zlib.compressobj(wbits=-15)
    packed = packer.compress(etree.tostring(element)) + packer.flush()
    text = f"{name}={quote_plus(base64.b64encode(packed).decode())}"
    if relay_state is not None:
        text += f"&RelayState={quote_plus(relay_state)}"
    if keys is None:
        return text
    text += f"&SigAlg={quote_plus(RSA_SHA256)}"
    made = keys.key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{text}&Signature={quote_plus(base64.b64encode(made).decode())}"


def logout_request(said: Said, *, destination: str, sessions: Sequence[str] = ("session-1",)) -> etree._Element:
    attributes = {
        "ID": said.id,
        "Version": "2.0",
        "IssueInstant": write_moment(said.now),
        "Destination": destination,
        "NotOnOrAfter": write_moment(said.confirmed_until),
    }
    element = etree.Element(tag("samlp:LogoutRequest"), attrib=attributes, nsmap={"samlp": SAMLP, "saml": SAML})
    _child(element, "saml:Issuer").text = said.issuer
    _child(element, "saml:NameID", Format=said.name_format).text = said.name
    for session in sessions:
        _child(element, "samlp:SessionIndex").text = session
    return element


def logout_response(said: Said, *, destination: str) -> etree._Element:
    attributes = {
        "ID": said.id,
        "Version": "2.0",
        "IssueInstant": write_moment(said.now),
        "Destination": destination,
        "InResponseTo": said.request_id,
    }
    element = etree.Element(tag("samlp:LogoutResponse"), attrib=attributes, nsmap={"samlp": SAMLP, "saml": SAML})
    _child(element, "saml:Issuer").text = said.issuer
    _child(_child(element, "samlp:Status"), "samlp:StatusCode", Value=said.status)
    return element


def metadata(*keys: Keys, entity_id: str = ENTITY_ID, **attributes: str) -> bytes:
    entity = etree.Element(tag("md:EntityDescriptor"), attrib={"entityID": entity_id, **attributes}, nsmap={"md": MD})
    role = _child(entity, "md:IDPSSODescriptor", protocolSupportEnumeration=SAMLP)
    for each in keys:
        data = _child(_child(_child(role, "md:KeyDescriptor", use="signing"), "ds:KeyInfo"), "ds:X509Data")
        _child(data, "ds:X509Certificate").text = each.bare
    for binding in (REDIRECT, POST):
        _child(role, "md:SingleLogoutService", Binding=binding, Location=SIGN_OUT)
    for binding in (REDIRECT, POST):
        _child(role, "md:SingleSignOnService", Binding=binding, Location=SIGN_IN)
    return etree.tostring(entity)


def clone(element: etree._Element) -> etree._Element:
    return copy.deepcopy(element)


def without_signature(element: etree._Element) -> etree._Element:
    found = element.find(tag("ds:Signature"))
    if found is not None:
        element.remove(found)
    return element


def renamed(element: etree._Element, name: str = "mallory") -> etree._Element:
    """The same with another name, and an id of its own."""
    element.set("ID", f"_{uuid4().hex}")
    for found in element.iter(tag("saml:NameID")):
        found.text = name
    return element


def _child(parent: etree._Element, name: str, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, tag(name), attrib=attributes, nsmap={"ds": DS} if name.startswith("ds:") else None)


def _signer(keys: Keys, method: str) -> Callable[[bytes], bytes]:
    def signer(content: bytes) -> bytes:
        if isinstance(keys.key, rsa.RSAPrivateKey):
            return keys.key.sign(content, padding.PKCS1v15(), _METHODS[method]())
        r, s = utils.decode_dss_signature(keys.key.sign(content, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    return signer
