"""What a provider says became of a request, in plain words. Spec: SAML 2.0 Core §3.2.2."""

from dataclasses import dataclass

from lxml import etree

from app.protocols.saml.assertion import text_of
from app.protocols.saml.names import STATUS_PREFIX, SUCCESS, tag

_WORDS = {
    "AuthnFailed": "the provider could not sign the person in",
    "InvalidAttrNameOrValue": "the provider does not know an attribute that was asked for",
    "InvalidNameIDPolicy": "the provider cannot name people in the form that was asked for (name_id_format)",
    "NoAuthnContext": "the provider cannot sign people in by the means that were asked for (authn_contexts)",
    "NoAvailableIDP": "the provider found nobody who could sign the person in",
    "NoPassive": "the provider would have to ask the person, and was told not to",
    "NoSupportedIDP": "the provider supports none of those who could sign the person in",
    "PartialLogout": "some of the provider's other sessions could not be ended",
    "ProxyCountExceeded": "the provider may not ask another one",
    "RequestDenied": "the provider, or the person, declined",
    "RequestUnsupported": "the provider does not support what was asked for",
    "RequestVersionDeprecated": "the provider no longer speaks SAML 2.0",
    "UnknownPrincipal": "the provider does not know the person",
    "UnsupportedBinding": "the provider cannot answer to our address (binding)",
    "Requester": "the provider found our request faulty; its certificate or our metadata may be out of date there",
    "Responder": "the provider failed",
    "VersionMismatch": "the provider speaks another version of SAML",
}
_DECLINED = frozenset({"AuthnFailed", "NoPassive", "RequestDenied", "UnknownPrincipal"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A status: its codes from the outermost in, and what the provider said beside them."""

    codes: tuple[str, ...]
    message: str | None

    @property
    def is_success(self) -> bool:
        """Whether it is as it was asked."""
        return self.codes[:1] == (SUCCESS,)

    @property
    def is_declined(self) -> bool:
        """Whether the person or the provider would not, rather than could not."""
        return any(code.removeprefix(STATUS_PREFIX) in _DECLINED for code in self.codes)

    @property
    def words(self) -> str:
        """What it means: of the innermost code that is known."""
        for code in reversed(self.codes):
            known = _WORDS.get(code.removeprefix(STATUS_PREFIX))
            if known is not None:
                return known
        return "the provider refused for a reason of its own"

    @property
    def shown(self) -> str:
        """The codes and the message, for an operator."""
        codes = " / ".join(code.removeprefix(STATUS_PREFIX) for code in self.codes) or "no status"
        return codes if self.message is None else f"{codes}: {self.message}"


def read_status(element: etree._Element) -> Status:
    """The status of a response that has passed its shape."""
    codes, code = [], element.find(f"{tag('samlp:Status')}/{tag('samlp:StatusCode')}")
    while code is not None:
        codes.append((code.get("Value") or "")[:200])
        code = code.find(tag("samlp:StatusCode"))
    message = text_of(element.find(f"{tag('samlp:Status')}/{tag('samlp:StatusMessage')}"))
    return Status(codes=tuple(codes), message=message)
