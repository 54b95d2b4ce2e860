"""Signature wrapping: what was signed is kept somewhere in the document, and something else stands where it is read.

The eight of Somorovsky et al., "On Breaking SAML" (2012), by their numbers; each returns a response for `mallory`.
"""

from lxml import etree

from app.protocols.saml.names import DS, SAML, SAMLP, tag
from tests.federation.saml.idp import Keys, Said, assertion, clone, renamed, response, sign, without_signature

_ASSERTION, _SIGNATURE, _SUBJECT = tag("saml:Assertion"), tag("ds:Signature"), tag("saml:Subject")


def _signed_response(said: Said, keys: Keys) -> etree._Element:
    return sign(response(said, assertion(said)), keys)


def _signed_assertion(said: Said, keys: Keys) -> etree._Element:
    return response(said, sign(assertion(said), keys))


def xsw1(said: Said, keys: Keys) -> etree._Element:
    """The signed response hangs inside its own signature, below a forged response."""
    original = _signed_response(said, keys)
    forged = renamed(clone(original))
    forged.find(_SIGNATURE).append(without_signature(clone(original)))
    return forged


def xsw2(said: Said, keys: Keys) -> etree._Element:
    """The signed response stands beside the signature, inside a forged response."""
    original = _signed_response(said, keys)
    forged = renamed(clone(original))
    forged.find(_SIGNATURE).addprevious(without_signature(clone(original)))
    return forged


def xsw3(said: Said, keys: Keys) -> etree._Element:
    """A forged assertion stands before the signed one."""
    whole = _signed_assertion(said, keys)
    original = whole.find(_ASSERTION)
    original.addprevious(renamed(without_signature(clone(original))))
    return whole


def xsw4(said: Said, keys: Keys) -> etree._Element:
    """The signed assertion is a child of a forged one."""
    whole = _signed_assertion(said, keys)
    original = whole.find(_ASSERTION)
    forged = renamed(without_signature(clone(original)))
    whole.replace(original, forged)
    forged.append(original)
    return whole


def xsw5(said: Said, keys: Keys) -> etree._Element:
    """The signature stays in a forged assertion; what it covers stands at the end of the response."""
    whole = _signed_assertion(said, keys)
    original = whole.find(_ASSERTION)
    kept = without_signature(clone(original))
    renamed(original)
    whole.append(kept)
    return whole


def xsw6(said: Said, keys: Keys) -> etree._Element:
    """The signature stays in a forged assertion, and what it covers hangs inside the signature."""
    whole = _signed_assertion(said, keys)
    original = whole.find(_ASSERTION)
    kept = without_signature(clone(original))
    renamed(original).find(_SIGNATURE).append(kept)
    return whole


def xsw7(said: Said, keys: Keys) -> etree._Element:
    """A forged assertion of the same id hides in `Extensions`, where a lax schema looks at nothing."""
    whole = _signed_assertion(said, keys)
    original = whole.find(_ASSERTION)
    forged = without_signature(clone(original))
    forged.find(f"{_SUBJECT}/{tag('saml:NameID')}").text = "mallory"
    extensions = etree.Element(f"{{{SAMLP}}}Extensions")
    extensions.append(forged)
    whole.find(tag("saml:Issuer")).addnext(extensions)
    return whole


def xsw8(said: Said, keys: Keys) -> etree._Element:
    """What was signed hides in an `Object` of the signature that a forged assertion carries."""
    whole = _signed_assertion(said, keys)
    original = whole.find(_ASSERTION)
    kept = without_signature(clone(original))
    holder = etree.SubElement(original.find(_SIGNATURE), f"{{{DS}}}Object")
    holder.append(kept)
    original.find(f"{_SUBJECT}/{tag('saml:NameID')}").text = "mallory"
    return whole


def empty_reference(said: Said, keys: Keys) -> etree._Element:
    """An empty reference means the whole document, wherever the signature stands."""
    return response(said, sign(assertion(said), keys, uri=""))


def another_id(said: Said, keys: Keys) -> etree._Element:
    """An `Id` beside the `ID`: which of the two a reference means depends on who looks."""
    whole = _signed_assertion(said, keys)
    whole.set("Id", whole.find(_ASSERTION).get("ID"))
    return whole


def namespaced_id(said: Said, keys: Keys) -> etree._Element:
    """The same in a namespace of its own."""
    whole = _signed_assertion(said, keys)
    whole.set(f"{{{SAML}}}ID", whole.find(_ASSERTION).get("ID"))
    return whole


WRAPPED = {
    "XSW1": xsw1,
    "XSW2": xsw2,
    "XSW3": xsw3,
    "XSW4": xsw4,
    "XSW5": xsw5,
    "XSW6": xsw6,
    "XSW7": xsw7,
    "XSW8": xsw8,
    "empty reference": empty_reference,
    "another id": another_id,
    "id of a namespace": namespaced_id,
}
