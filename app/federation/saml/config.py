"""The members of a connection's `config`: what may stand there, and what holds where nothing does."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, TypeVar

from app.federation.connector import InvalidConfiguration
from app.protocols.saml.certificates import CertificateRefused, read_certificate
from app.protocols.saml.document import DocumentRefused
from app.protocols.saml.metadata import MetadataRefused, read_metadata
from app.protocols.saml.names import EMAIL, PERSISTENT, POST, REDIRECT, TRANSIENT, UNSPECIFIED
from app.protocols.saml.response import Signed

Value = TypeVar("Value")

BINDINGS = {"redirect": REDIRECT, "post": POST}
NAME_ID_FORMATS = {"email": EMAIL, "persistent": PERSISTENT, "transient": TRANSIENT, "unspecified": UNSPECIFIED}
CLAIMS = ("email", "name", "given_name", "family_name")
MAX_SKEW_SECONDS = 300
_MAX_CHARACTERS = 2048
_MAX_XML_CHARACTERS = 60_000
_MAX_CONTEXTS = 8
# What the validity of metadata is judged by when it is only looked at: its time may be over, its form may not.
_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class SAMLConfig:
    """How a provider is asked, and what of its answers counts.

    Either `metadata_url`, with `entity_id`, or `metadata_xml` is set. `trusts_email`: the operator says that addresses
    in this provider's assertions are verified, for SAML has no word for it. `attributes` names the attribute of a claim
    of ours.
    """

    metadata_url: str | None = None
    metadata_xml: str | None = None
    metadata_certificate: str | None = None
    entity_id: str | None = None
    binding: str | None = None
    signs_requests: bool = True
    signed: str = Signed.ANY.value
    requires_encryption: bool = False
    allows_cbc: bool = False
    allows_idp_initiated: bool = False
    name_id_format: str | None = None
    authn_contexts: tuple[str, ...] = ()
    subject_attribute: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    trusts_email: bool = False
    skew_seconds: int = 60

    def as_json(self) -> dict[str, Any]:
        """The form in which it is kept and shown."""
        return {**asdict(self), "authn_contexts": list(self.authn_contexts)}


def read_config(config: Mapping[str, Any]) -> SAMLConfig:
    """The configuration with its defaults filled in. Raises InvalidConfiguration."""
    unknown = sorted(config.keys() - {item.name for item in fields(SAMLConfig)})
    if unknown:
        raise InvalidConfiguration(unknown[0], f"a connection of kind saml has: {', '.join(_READERS)}")
    members = {name: read(config[name], name) for name, read in _READERS.items() if config.get(name) is not None}
    read = SAMLConfig(**members)
    if (read.metadata_url is None) == (read.metadata_xml is None):
        raise InvalidConfiguration("metadata_url", "give either metadata_url or metadata_xml, and not both")
    if read.metadata_url is not None and read.entity_id is None:
        # Identities are known by it: whoever publishes at that address must not become another provider by a word.
        words = "the provider's name as its metadata has it (entityID), which must not change with what is published"
        raise InvalidConfiguration("entity_id", words)
    if read.metadata_xml is not None:
        _require_usable(read.metadata_xml, read.entity_id)
    return read


def _text(value: Any, member: str, *, most: int = _MAX_CHARACTERS) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > most:
        raise InvalidConfiguration(member, f"a text of at most {most} characters")
    return value.strip()


def _xml(value: Any, member: str) -> str:
    return _text(value, member, most=_MAX_XML_CHARACTERS)


def _truth(value: Any, member: str) -> bool:
    # From the environment everything comes as text.
    known = {True: True, False: False, "true": True, "false": False}
    if not isinstance(value, bool | str) or value not in known:
        raise InvalidConfiguration(member, "true or false")
    return known[value]


def _one_of(*allowed: str) -> Callable[[Any, str], str]:
    def read(value: Any, member: str) -> str:
        if value not in allowed:
            raise InvalidConfiguration(member, f"one of: {', '.join(allowed)}")
        return str(value)

    return read


def _seconds(value: Any, member: str) -> int:
    whole = int(value) if isinstance(value, str) and value.isdecimal() and len(value) <= 4 else value
    if not isinstance(whole, int) or isinstance(whole, bool) or not 0 <= whole <= MAX_SKEW_SECONDS:
        raise InvalidConfiguration(member, f"whole seconds from 0 to {MAX_SKEW_SECONDS}")
    return whole


def _certificate(value: Any, member: str) -> str:
    text = _text(value, member, most=16_384)
    try:
        read_certificate(text)
    except CertificateRefused as error:
        raise InvalidConfiguration(member, f"an X.509 certificate in PEM: {error}") from None
    return text


def _contexts(value: Any, member: str) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or len(value) > _MAX_CONTEXTS:
        raise InvalidConfiguration(member, f"a list of at most {_MAX_CONTEXTS} AuthnContextClassRef URIs")
    return tuple(_text(each, member) for each in value)


def _attributes(value: Any, member: str) -> Mapping[str, str]:
    if not isinstance(value, Mapping) or not set(value) <= set(CLAIMS):
        raise InvalidConfiguration(member, f"the attribute's name for any of: {', '.join(CLAIMS)}")
    return {str(claim): _text(name, member) for claim, name in value.items()}


def _require_usable(metadata_xml: str, entity_id: str | None) -> None:
    try:
        read_metadata(metadata_xml.encode(), entity_id=entity_id, now=_ALWAYS)
    except (DocumentRefused, MetadataRefused) as error:
        raise InvalidConfiguration("metadata_xml", f"an identity provider's SAML metadata: {error}") from None


_READERS: Mapping[str, Callable[[Any, str], Any]] = {
    "metadata_url": _text,
    "metadata_xml": _xml,
    "metadata_certificate": _certificate,
    "entity_id": _text,
    "binding": _one_of(*BINDINGS),
    "signs_requests": _truth,
    "signed": _one_of(*(each.value for each in Signed)),
    "requires_encryption": _truth,
    "allows_cbc": _truth,
    "allows_idp_initiated": _truth,
    "name_id_format": _one_of(*NAME_ID_FORMATS),
    "authn_contexts": _contexts,
    "subject_attribute": _text,
    "attributes": _attributes,
    "trusts_email": _truth,
    "skew_seconds": _seconds,
}
