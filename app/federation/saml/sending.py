"""How a message of ours goes to a provider: in the address, or in a form that the browser sends."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass

from lxml import etree

from app.federation.connector import Departure, Refusal, SignInRefused
from app.federation.saml.config import BINDINGS
from app.federation.saml.key_pair import OwnKey
from app.protocols.saml.document import write_document
from app.protocols.saml.names import POST, REDIRECT
from app.protocols.saml.redirect import address
from app.protocols.saml.requests import ISSUER
from app.protocols.saml.signature import signed

REQUEST, RESPONSE = "SAMLRequest", "SAMLResponse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a message goes: `name` is REQUEST or RESPONSE."""

    binding: str
    url: str
    name: str
    relay_state: str | None


def way(locations: Mapping[str, str], *, wanted: str | None, name: str, relay_state: str | None) -> Way:
    """The way by the binding that the operator wants, else by redirect, else by form. Raises SignInRefused."""
    bindings = (REDIRECT, POST) if wanted is None else (BINDINGS[wanted],)
    for binding in bindings:
        if binding in locations:
            return Way(binding=binding, url=locations[binding], name=name, relay_state=relay_state)
    raise SignInRefused(Refusal.BROKEN, f"the provider's metadata names no address for the binding {wanted or 'any'}")


def departure(message: etree._Element, chosen: Way, key: OwnKey | None) -> Departure:
    """Where the browser goes with a message; with a key it is signed, each binding in its own way."""
    if chosen.binding == REDIRECT:
        content = write_document(message)
        private_key = None if key is None else key.private_key
        url = address(chosen.url, chosen.name, content, relay_state=chosen.relay_state, key=private_key)
        return Departure(url=url)
    element = message if key is None else signed(message, key.private_key, key.certificate, after=ISSUER)
    fields = {chosen.name: base64.b64encode(write_document(element)).decode("ascii")}
    if chosen.relay_state is not None:
        fields["RelayState"] = chosen.relay_state
    return Departure(url=chosen.url, fields=fields)
