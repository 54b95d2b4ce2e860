"""What another provider publishes about itself, and where its addresses may lead.

Specs: OpenID Connect Discovery 1.0 §3, §4.3; RFC 8414 §2, §3.3; RFC 9207 §3.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

WELL_KNOWN = "/.well-known/openid-configuration"
MAX_URL_CHARACTERS = 2048
_PRIVATE_SUFFIXES = ("localhost", "local", "internal")


class MetadataRefused(ValueError):
    """A member of the document is wrong: what was expected of it, and what it is."""

    def __init__(self, member: str, *, expected: str, received: str) -> None:
        super().__init__(f"{member}: expected {expected}, received {received}"[:500])
        self.member = member
        self.expected = expected
        self.received = received


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderMetadata:
    """The members that are used. A tuple is None where the provider does not say."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    announces_iss: bool = False
    """That every answer of its authorization endpoint carries `iss`."""
    auth_methods: tuple[str, ...] | None = None
    auth_algorithms: tuple[str, ...] | None = None
    challenge_methods: tuple[str, ...] | None = None
    algorithms: tuple[str, ...] | None = None
    scopes: tuple[str, ...] | None = None


def read_metadata(document: Mapping[str, object], *, issuer: str, metadata_url: str) -> ProviderMetadata:
    """Read a document that must be of `issuer`, compared as a whole string. Raises MetadataRefused."""
    stated = document.get("issuer")
    if stated != issuer:
        raise MetadataRefused("issuer", expected=issuer, received=str(stated)[:500])
    own = (metadata_url, issuer)
    userinfo = document.get("userinfo_endpoint")
    return ProviderMetadata(
        issuer=issuer,
        authorization_endpoint=_endpoint(document, "authorization_endpoint", own),
        token_endpoint=_endpoint(document, "token_endpoint", own),
        jwks_uri=_endpoint(document, "jwks_uri", own),
        userinfo_endpoint=None if userinfo is None else _endpoint(document, "userinfo_endpoint", own),
        announces_iss=document.get("authorization_response_iss_parameter_supported") is True,
        auth_methods=_texts(document.get("token_endpoint_auth_methods_supported")),
        auth_algorithms=_texts(document.get("token_endpoint_auth_signing_alg_values_supported")),
        challenge_methods=_texts(document.get("code_challenge_methods_supported")),
        algorithms=_texts(document.get("id_token_signing_alg_values_supported")),
        scopes=_texts(document.get("scopes_supported")),
    )


def hosts_of(*urls: str) -> frozenset[str]:
    """The hosts that these URLs name, lower case."""
    return frozenset(host for url in urls if (host := urlsplit(url).hostname))


def split_url(url: object) -> SplitResult | None:
    """The parts of an absolute http or https URL that may be called; None for anything else."""
    if not isinstance(url, str) or len(url) > MAX_URL_CHARACTERS or not url.isascii() or not url.isprintable():
        return None
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    if not usable or parts.fragment or "#" in url or "@" in parts.netloc or " " in url or "\\" in url:
        return None
    return parts


def _endpoint(document: Mapping[str, object], member: str, own: tuple[str, ...]) -> str:
    """An address that a document names: beside the addresses that an operator named, or public and by https.

    A name is looked up when it is called, and its addresses judged then; here only what is written.
    """
    url = document.get(member)
    parts = split_url(url)
    if parts is None:
        raise MetadataRefused(member, expected="an absolute https address", received=str(url)[:500])
    is_beside = parts.hostname in hosts_of(*own)
    # Next to a provider that is itself called by http, http loses nothing.
    may_be_plain = is_beside and any(address.startswith("http:") for address in own)
    if parts.scheme != "https" and not may_be_plain:
        raise MetadataRefused(member, expected="an address by https", received=str(url))
    if not is_beside and _is_private(parts.hostname or ""):
        expected = f"an address on {' or '.join(sorted(hosts_of(*own)))}, or a public one"
        raise MetadataRefused(member, expected=expected, received=str(url))
    return str(url)


def _is_private(host: str) -> bool:
    try:
        return not ip_address(host).is_global
    except ValueError:
        last = host.rpartition(".")[2]
        # A number in another spelling (0x7f000001, 2130706433) is an address to some resolvers.
        return "." not in host or last in _PRIVATE_SUFFIXES or last[:1].isdigit()


def _texts(value: object) -> tuple[str, ...] | None:
    if not isinstance(value, list):
        return None
    return tuple(item for item in value if isinstance(item, str))
