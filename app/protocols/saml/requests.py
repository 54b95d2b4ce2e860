"""What we send: requests to sign somebody in, requests to sign them out, and answers to such.

Specs: SAML 2.0 Core §3.4.1, §3.7; Profiles §4.1.4.1, §4.4.4.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from app.protocols.saml.assertion import NameID
from app.protocols.saml.moments import write_moment
from app.protocols.saml.names import POST, SAML, SAMLP, tag

ISSUER = tag("saml:Issuer")
_NAMESPACES = {"samlp": SAMLP, "saml": SAML}


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What every message of ours says. `id` is an NCName that nobody else can guess."""

    id: str
    issuer: str
    destination: str
    now: datetime


def authn_request(
    head: Head,
    *,
    acs_url: str,
    name_id_format: str | None = None,
    forces: bool = False,
    contexts: Sequence[str] = (),
) -> etree._Element:
    """A request to sign somebody in. `forces` asks them to prove it anew; any of the means `contexts` will do."""
    request = _message("samlp:AuthnRequest", head)
    request.set("AssertionConsumerServiceURL", acs_url)
    request.set("ProtocolBinding", POST)
    if forces:
        request.set("ForceAuthn", "true")
    if name_id_format is not None:
        policy = {"AllowCreate": "true", "Format": name_id_format}
        etree.SubElement(request, tag("samlp:NameIDPolicy"), attrib=policy)
    if contexts:
        wanted = etree.SubElement(request, tag("samlp:RequestedAuthnContext"), attrib={"Comparison": "exact"})
        for context in contexts:
            etree.SubElement(wanted, tag("saml:AuthnContextClassRef")).text = context
    return request


def logout_request(head: Head, name: NameID, *, sessions: Sequence[str], ends_at: datetime) -> etree._Element:
    """A request to end somebody's sessions there."""
    request = _message("samlp:LogoutRequest", head)
    request.set("NotOnOrAfter", write_moment(ends_at))
    attributes = {"Format": name.format, "NameQualifier": name.qualifier, "SPNameQualifier": name.sp_qualifier}
    said = {key: value for key, value in attributes.items() if value is not None}
    etree.SubElement(request, tag("saml:NameID"), attrib=said).text = name.value
    for session in sessions:
        etree.SubElement(request, tag("samlp:SessionIndex")).text = session
    return request


def logout_response(head: Head, *, in_response_to: str, status: str) -> etree._Element:
    """An answer to a request to end somebody's sessions here."""
    response = _message("samlp:LogoutResponse", head)
    response.set("InResponseTo", in_response_to)
    codes = etree.SubElement(response, tag("samlp:Status"))
    etree.SubElement(codes, tag("samlp:StatusCode"), attrib={"Value": status})
    return response


def _message(name: str, head: Head) -> etree._Element:
    message = etree.Element(
        tag(name),
        attrib={
            "ID": head.id,
            "Version": "2.0",
            "IssueInstant": write_moment(head.now),
            "Destination": head.destination,
        },
        nsmap=_NAMESPACES,
    )
    etree.SubElement(message, ISSUER).text = head.issuer
    return message
