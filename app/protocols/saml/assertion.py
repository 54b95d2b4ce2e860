"""What an assertion says, read off the tree that its signature covers. Spec: SAML 2.0 Core §2."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from lxml import etree

from app.protocols.saml.moments import read_moment
from app.protocols.saml.names import UNSPECIFIED, tag

_MAX_CHARACTERS = 4096
_MAX_VALUES = 1024


class AssertionRefused(ValueError):
    """An assertion says something twice, at too great length, or not at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NameID:
    """Who is meant, as the provider calls them. The qualifiers say in whose eyes the name is one."""

    value: str
    format: str = UNSPECIFIED
    qualifier: str | None = None
    sp_qualifier: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """How whoever brings the assertion proves to be meant by it."""

    method: str | None
    recipient: str | None
    not_before: datetime | None
    not_on_or_after: datetime | None
    in_response_to: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """When and where the assertion counts. Of each restriction one audience must be us."""

    not_before: datetime | None
    not_on_or_after: datetime | None
    audiences: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Authentication:
    """How and when the person proved who they are there, and the name of their session."""

    at: datetime | None
    session: str | None
    session_ends_at: datetime | None
    context: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """What a provider said and signed."""

    id: str
    issuer: str
    issued_at: datetime | None
    name_id: NameID | None
    confirmations: tuple[Confirmation, ...]
    conditions: Conditions | None
    authentication: Authentication | None
    attributes: Mapping[str, tuple[str, ...]] = field(repr=False)


def read_assertion(element: etree._Element) -> Assertion:
    """The assertion of a signed tree that has passed its shape. Raises AssertionRefused, MomentRefused."""
    if element.get("Version") != "2.0":
        raise AssertionRefused("the assertion is not of SAML 2.0")
    subject, conditions = element.find(tag("saml:Subject")), element.find(tag("saml:Conditions"))
    name = None if subject is None else subject.find(tag("saml:NameID"))
    confirmations = [] if subject is None else subject.findall(tag("saml:SubjectConfirmation"))
    statements = element.findall(tag("saml:AuthnStatement"))
    if len(statements) > 1:
        raise AssertionRefused("the assertion tells of more than one authentication")
    return Assertion(
        id=str(element.get("ID")),
        issuer=text_of(element.find(tag("saml:Issuer"))) or "",
        issued_at=read_moment(element.get("IssueInstant")),
        name_id=None if name is None else read_name_id(name),
        confirmations=tuple(_confirmation(each) for each in confirmations),
        conditions=None if conditions is None else _conditions(conditions),
        authentication=_authentication(statements[0]) if statements else None,
        attributes=_attributes(element),
    )


def read_name_id(element: etree._Element) -> NameID:
    """A name. Raises AssertionRefused for an empty one."""
    value = _raw_text_of(element)
    if not value or value != value.strip():
        # With spaces and without they are two people's names, and nobody's to be made one.
        raise AssertionRefused("the name of the person is empty, or begins or ends with white space")
    return NameID(
        value=value,
        format=element.get("Format") or UNSPECIFIED,
        qualifier=element.get("NameQualifier"),
        sp_qualifier=element.get("SPNameQualifier"),
    )


def text_of(element: etree._Element | None) -> str | None:
    """The whole text of an element without children: one node, for no comment ever came in. Bounded."""
    text = _raw_text_of(element)
    return None if text is None else text.strip()


def _raw_text_of(element: etree._Element | None) -> str | None:
    if element is None or element.text is None:
        return None
    text = element.text
    if len(text) > _MAX_CHARACTERS:
        raise AssertionRefused(f"a value is longer than {_MAX_CHARACTERS} characters")
    return text


def _confirmation(element: etree._Element) -> Confirmation:
    data = element.find(tag("saml:SubjectConfirmationData"))
    said: Mapping[str, str] = {} if data is None else {str(name): str(value) for name, value in data.attrib.items()}
    return Confirmation(
        method=element.get("Method"),
        recipient=said.get("Recipient"),
        not_before=read_moment(said.get("NotBefore")),
        not_on_or_after=read_moment(said.get("NotOnOrAfter")),
        in_response_to=said.get("InResponseTo"),
    )


def _conditions(element: etree._Element) -> Conditions:
    restrictions = element.findall(tag("saml:AudienceRestriction"))
    return Conditions(
        not_before=read_moment(element.get("NotBefore")),
        not_on_or_after=read_moment(element.get("NotOnOrAfter")),
        audiences=tuple(
            tuple(text_of(each) or "" for each in restriction.findall(tag("saml:Audience")))
            for restriction in restrictions
        ),
    )


def _authentication(element: etree._Element) -> Authentication:
    context = element.find(f"{tag('saml:AuthnContext')}/{tag('saml:AuthnContextClassRef')}")
    return Authentication(
        at=read_moment(element.get("AuthnInstant")),
        session=element.get("SessionIndex"),
        session_ends_at=read_moment(element.get("SessionNotOnOrAfter")),
        context=text_of(context),
    )


def _attributes(element: etree._Element) -> Mapping[str, tuple[str, ...]]:
    """The values of each attribute by its name, those of one that stands there twice together."""
    found: dict[str, list[str]] = {}
    for attribute in element.findall(f"{tag('saml:AttributeStatement')}/{tag('saml:Attribute')}"):
        name = attribute.get("Name") or ""
        found.setdefault(name, []).extend(_values(attribute.findall(tag("saml:AttributeValue"))))
        if len(found) > _MAX_VALUES or len(found[name]) > _MAX_VALUES:
            raise AssertionRefused(f"the assertion has more than {_MAX_VALUES} attributes, or values of one")
    return {name: tuple(values) for name, values in found.items()}


def _values(elements: Sequence[etree._Element]) -> list[str]:
    """Each value's text; of one that is a name (eduPersonTargetedID) that name."""
    texts = (_raw_text_of(each.find(tag("saml:NameID")) if len(each) else each) for each in elements)
    return [text for text in texts if text]
