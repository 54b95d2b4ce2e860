"""What a provider publishes about itself, and what we publish. Spec: SAML 2.0 Metadata §2."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from lxml import etree

from app.protocols.saml.certificates import MAX_CERTIFICATES, CertificateRefused, distinct, read_certificate
from app.protocols.saml.document import read_document
from app.protocols.saml.moments import MomentRefused, read_duration, read_moment
from app.protocols.saml.names import DS, MD, POST, REDIRECT, SAMLP, tag
from app.protocols.saml.signature import SignatureRefused, key_info, verified

MAX_BYTES = 4 * 1024 * 1024
OWN_CACHE_DURATION = "PT4H"
"""How often whoever keeps our metadata shall read it again: a key that is to sign is in it before it does."""
_ENTITY = tag("md:EntityDescriptor")
_ENTITIES = tag("md:EntitiesDescriptor")
_MAX_URL_CHARACTERS = 2048
_ENCRYPTION_METHODS = (
    "http://www.w3.org/2009/xmlenc11#aes256-gcm",
    "http://www.w3.org/2009/xmlenc11#aes128-gcm",
    "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p",
)


class MetadataRefused(ValueError):
    """Metadata cannot be used. The message says why, in words for an operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderMetadata:
    """A provider: where it is asked by each binding, and by which keys it signs."""

    entity_id: str
    sign_in: Mapping[str, str]
    sign_out: Mapping[str, str]
    sign_out_answers: Mapping[str, str]
    certificates: tuple[x509.Certificate, ...]
    unusable: tuple[str, ...]
    wants_signed_requests: bool
    name_id_formats: tuple[str, ...]
    valid_until: datetime | None
    cache_duration: timedelta | None


def read_metadata(
    content: bytes, *, entity_id: str | None, now: datetime, signer: x509.Certificate | None = None
) -> ProviderMetadata:
    """The one provider of a document, or the one of many that `entity_id` names.

    With a `signer` the document must be signed by it as a whole. Raises MetadataRefused, DocumentRefused.
    """
    root = read_document(content, max_bytes=MAX_BYTES, with_comments=True)
    if root.tag not in (_ENTITY, _ENTITIES):
        raise MetadataRefused("this is no SAML metadata")
    if signer is not None:
        try:
            root = verified(root, [signer])
        except SignatureRefused as error:
            raise MetadataRefused(f"metadata_certificate did not sign it: {error}") from None
    entity = _entity(root, entity_id)
    role = entity.find(tag("md:IDPSSODescriptor"))
    if role is None or SAMLP not in (role.get("protocolSupportEnumeration") or "").split():
        raise MetadataRefused("it describes no identity provider that speaks SAML 2.0")
    certificates, unusable = _certificates(role)
    if not certificates:
        raise MetadataRefused(f"it names no key to verify signatures by{_because(unusable)}")
    sign_in = _locations(role, "md:SingleSignOnService")
    if not sign_in:
        raise MetadataRefused("it names no address to sign in at by HTTP-Redirect or HTTP-POST")
    # Of a role inside an entity inside a collection the strictest counts.
    levels = [each for each in (root, entity, role) if each is not None]
    valid_until = _earliest(levels)
    if valid_until is not None and valid_until <= now:
        raise MetadataRefused("its time is over (validUntil)")
    durations = [found for each in levels if (found := read_duration(each.get("cacheDuration"))) is not None]
    return ProviderMetadata(
        entity_id=entity.get("entityID") or "",
        sign_in=sign_in,
        sign_out=_locations(role, "md:SingleLogoutService"),
        sign_out_answers=_locations(role, "md:SingleLogoutService", "ResponseLocation"),
        certificates=certificates,
        unusable=unusable,
        wants_signed_requests=(role.get("WantAuthnRequestsSigned") or "").strip() in ("true", "1"),
        name_id_formats=tuple((each.text or "").strip() for each in role.findall(tag("md:NameIDFormat"))),
        valid_until=valid_until,
        cache_duration=min(durations, default=None),
    )


def own_metadata(
    *,
    entity_id: str,
    acs_url: str,
    logout_url: str,
    signing: Sequence[x509.Certificate],
    encryption: Sequence[x509.Certificate],
    name_id_format: str | None,
) -> etree._Element:
    """What a provider needs to know about us. Of the certificates whose signatures are ours the first signs now."""
    attributes = {"entityID": entity_id, "cacheDuration": OWN_CACHE_DURATION}
    entity = etree.Element(_ENTITY, attrib=attributes, nsmap={"md": MD, "ds": DS})
    role = etree.SubElement(
        entity,
        tag("md:SPSSODescriptor"),
        attrib={
            "AuthnRequestsSigned": "true",
            "WantAssertionsSigned": "true",
            "protocolSupportEnumeration": SAMLP,
        },
    )
    for use, certificates in (("signing", signing), ("encryption", encryption)):
        for certificate in certificates:
            descriptor = etree.SubElement(role, tag("md:KeyDescriptor"), attrib={"use": use})
            descriptor.append(key_info(certificate))
            if use == "encryption":
                for method in _ENCRYPTION_METHODS:
                    etree.SubElement(descriptor, tag("md:EncryptionMethod"), attrib={"Algorithm": method})
    for binding in (REDIRECT, POST):
        attributes = {"Binding": binding, "Location": logout_url}
        etree.SubElement(role, tag("md:SingleLogoutService"), attrib=attributes)
    if name_id_format is not None:
        etree.SubElement(role, tag("md:NameIDFormat")).text = name_id_format
    attributes = {"Binding": POST, "Location": acs_url, "index": "0", "isDefault": "true"}
    etree.SubElement(role, tag("md:AssertionConsumerService"), attrib=attributes)
    return entity


def _entity(root: etree._Element, entity_id: str | None) -> etree._Element:
    # A collection of collections is nobody's single provider, and is not searched.
    entities = [root] if root.tag == _ENTITY else root.findall(_ENTITY)
    if entity_id is not None:
        entities = [each for each in entities if each.get("entityID") == entity_id]
    if len(entities) != 1 or not entities[0].get("entityID"):
        named = (
            "none of that entity_id"
            if entity_id is not None
            else f"{len(entities)} providers; entity_id has to say which"
        )
        raise MetadataRefused(f"it describes {named}")
    return entities[0]


def _certificates(role: etree._Element) -> tuple[tuple[x509.Certificate, ...], tuple[str, ...]]:
    """The keys that sign, those published for the future included; and why others are left out."""
    found, unusable = [], []
    for descriptor in role.findall(tag("md:KeyDescriptor")):
        if descriptor.get("use") not in (None, "signing"):
            continue
        for element in descriptor.iterfind(f"{tag('ds:KeyInfo')}/{tag('ds:X509Data')}/{tag('ds:X509Certificate')}"):
            try:
                found.append(read_certificate(element.text or ""))
            except CertificateRefused as error:
                unusable.append(str(error))
    return distinct(found)[:MAX_CERTIFICATES], tuple(unusable)


def _locations(role: etree._Element, name: str, attribute: str = "Location") -> Mapping[str, str]:
    """The first address by each binding that we speak."""
    found: dict[str, str] = {}
    for element in role.findall(tag(name)):
        binding, location = element.get("Binding"), element.get(attribute)
        if binding in (REDIRECT, POST) and location and len(location) <= _MAX_URL_CHARACTERS:
            found.setdefault(str(binding), location)
    return found


def _earliest(levels: Sequence[etree._Element]) -> datetime | None:
    try:
        moments = [moment for each in levels if (moment := read_moment(each.get("validUntil"))) is not None]
    except MomentRefused:
        raise MetadataRefused("its validUntil is no moment in UTC") from None
    return min(moments, default=None)


def _because(unusable: Sequence[str]) -> str:
    return f": {'; '.join(unusable[:3])}" if unusable else ""
