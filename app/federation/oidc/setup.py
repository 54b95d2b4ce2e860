"""What the configuration of an OpenID Connect connection comes to, its preset included."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from app.federation.connector import InvalidConfiguration
from app.federation.oidc.client_key import ALGORITHMS
from app.federation.oidc.members import Members
from app.protocols.oidc.upstream_metadata import WELL_KNOWN, hosts_of, split_url
from app.protocols.oidc.upstream_token import TENANT_PLACE, IssuerRule

DEFAULT_SCOPES = ("openid", "email", "profile")
AUTH_METHODS = ("client_secret_basic", "client_secret_post", "none", "private_key_jwt")
AUTHENTICATION = frozenset(
    {"token_endpoint_auth_method", "token_endpoint_auth_signing_alg", "client_assertion_audience"}
)
"""The members that say how we prove at the token endpoint who we are."""
GENERAL = frozenset({"issuer", "metadata_url", "client_id", "scopes", "userinfo", "parameters"}) | AUTHENTICATION
"""The members that every OpenID Connect connection may have."""

_MANY_TENANTS = frozenset({"common", "organizations"})
_CONSUMERS = "9188040d-6c67-4c5b-b112-36a304b66dad"


class AssertedTo(StrEnum):
    """Whom a signed statement of who we are is for: its `aud`."""

    ISSUER = "issuer"
    """The provider itself, by its own name: nobody can pass it on. Spec: draft-ietf-oauth-rfc7523bis §4."""
    TOKEN_ENDPOINT = "token_endpoint"  # noqa: S105 — the name of an address


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientAuthentication:
    """How we prove ourselves. With `by_certificate` our key is named by its certificate's digest, not by a `kid`."""

    method: str | None = None
    algorithm: str | None = None
    asserted_to: AssertedTo = AssertedTo.ISSUER
    by_certificate: bool = False

    @classmethod
    def of(cls, members: Members, usual: "ClientAuthentication | None" = None) -> "ClientAuthentication":
        """What the configuration says, else what is `usual` at a provider of that preset."""
        known = usual or cls()
        asserted_to = members.choice("client_assertion_audience", list(AssertedTo))
        return cls(
            method=members.choice("token_endpoint_auth_method", AUTH_METHODS) or known.method,
            algorithm=members.choice("token_endpoint_auth_signing_alg", ALGORITHMS) or known.algorithm,
            asserted_to=known.asserted_to if asserted_to is None else AssertedTo(asserted_to),
            by_certificate=known.by_certificate,
        )


class UserinfoUse(StrEnum):
    """When the provider is asked about the person once more, beside what its ID token says."""

    AUTO = "auto"
    """Where the ID token lacks the mail address, or a claim that a rule of the connection reads."""
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class OIDCSetup:
    """A connection as the connector uses it. `verified_by` is the claim that says whether the address is verified."""

    client_id: str
    metadata_url: str
    issuer: IssuerRule
    scopes: tuple[str, ...] = DEFAULT_SCOPES
    authentication: ClientAuthentication = field(default_factory=ClientAuthentication)
    userinfo: UserinfoUse = UserinfoUse.AUTO
    parameters: Mapping[str, str] = field(default_factory=dict)
    offline_parameters: Mapping[str, str] = field(default_factory=dict)
    """What asks for a refresh token, beside the scope where there is none for it."""
    offline_scope: str | None = "offline_access"
    hosted_domains: frozenset[str] = frozenset()
    """Of those that Google hosts, the only ones whose people are admitted; empty where all are."""
    tenants: frozenset[str] = frozenset()
    """Of the tenants of Entra, likewise."""
    verified_by: str = "email_verified"
    prompt_again: str = "login"

    @property
    def hosts(self) -> frozenset[str]:
        """The hosts that the operator named."""
        return hosts_of(self.metadata_url, self.issuer.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Derived:
    """What a preset makes of its own members."""

    issuer: str | None = None
    metadata_url: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)


def read_oidc(preset: str | None, config: Mapping[str, Any]) -> OIDCSetup:
    """Read a configuration. Raises InvalidConfiguration."""
    if preset is not None and preset not in PRESETS:
        raise InvalidConfiguration("preset", f"One of {', '.join(sorted(PRESETS))}, or none.")
    own, derive = PRESETS[preset] if preset is not None else (frozenset[str](), _plain)
    members = Members(config, GENERAL | own)
    derived = derive(members)
    issuer, metadata_url = _named(
        members.url("issuer") or derived.issuer, members.url("metadata_url") or derived.metadata_url
    )
    more = dict(derived.more)
    rule = IssuerRule(name=issuer, aliases=more.pop("aliases", ()))
    scopes = members.scopes(more.pop("scopes", DEFAULT_SCOPES))
    if "openid" not in scopes:
        raise InvalidConfiguration("scopes", "Without openid there is no ID token.")
    return OIDCSetup(
        client_id=members.required_text("client_id"),
        metadata_url=metadata_url,
        issuer=rule,
        scopes=scopes,
        authentication=ClientAuthentication.of(members, more.pop("authentication", None)),
        userinfo=UserinfoUse(members.choice("userinfo", list(UserinfoUse)) or UserinfoUse.AUTO),
        parameters={**derived.parameters, **members.parameters()},
        **more,
    )


def _named(issuer: str | None, metadata_url: str | None) -> tuple[str, str]:
    """Each of the two says the other, where only one is given. Spec: OpenID Connect Discovery 1.0 §4.1."""
    if issuer is not None:
        return issuer, metadata_url or f"{issuer.rstrip('/')}{WELL_KNOWN}"
    if metadata_url is None:
        raise InvalidConfiguration("issuer", "Missing: the provider's issuer, or metadata_url in its place.")
    if not metadata_url.endswith(WELL_KNOWN):
        raise InvalidConfiguration("issuer", f"Missing: the address of the metadata does not end in {WELL_KNOWN}.")
    return metadata_url.removesuffix(WELL_KNOWN), metadata_url


def _plain(_: Members) -> _Derived:
    return _Derived()


def _google(members: Members) -> _Derived:
    """Google names itself without https in some tokens, and knows no scope for refresh tokens."""
    domains = frozenset(domain.lower() for domain in members.texts("hosted_domains"))
    stated = members.url("issuer") or (members.url("metadata_url") or "").removesuffix(WELL_KNOWN)
    issuer = stated or "https://accounts.google.com"
    return _Derived(
        issuer=issuer,
        parameters={"hd": next(iter(domains)) if len(domains) == 1 else "*"} if domains else {},
        more={
            "aliases": (issuer.partition("://")[2],),
            "hosted_domains": domains,
            "offline_scope": None,
            "offline_parameters": {"access_type": "offline", "prompt": "consent"},
            "prompt_again": "select_account",
        },
    )


def _keycloak(members: Members) -> _Derived:
    """The address of a realm is all it takes. `kc_idp_hint` passes its own sign-in page by."""
    realm = members.url("realm_url")
    if realm is None and members.url("metadata_url") is None and members.url("issuer") is None:
        raise InvalidConfiguration("realm_url", "Missing: such as https://sso.example.com/realms/staff.")
    hint = members.text("kc_idp_hint")
    return _Derived(
        issuer=None if realm is None else realm.rstrip("/"),
        parameters={} if hint is None else {"kc_idp_hint": hint},
    )


def _entra(members: Members) -> _Derived:
    """By the id of a tenant, or for many; its addresses of people are verified by `xms_edov` alone (nOAuth)."""
    for name in ("issuer", "metadata_url"):
        if members.text(name) is not None:
            raise InvalidConfiguration(name, "Follows from tenant and authority.")
    tenant = members.required_text("tenant").lower()
    tenants = frozenset(item.lower() for item in members.texts("tenants"))
    if tenant == "consumers":
        tenant = _CONSUMERS
    authority = (members.url("authority") or "https://login.microsoftonline.com").rstrip("/")
    parts = split_url(f"{authority}/{tenant}")
    is_id = len(tenant) == len(_CONSUMERS) and tenant.count("-") == 4
    if parts is None or not (is_id or tenant in _MANY_TENANTS):
        raise InvalidConfiguration("tenant", "The tenant's id (a GUID), or common, organizations or consumers.")
    if tenants and tenant not in _MANY_TENANTS:
        raise InvalidConfiguration("tenants", "Only beside the tenant common or organizations.")
    named = TENANT_PLACE if tenant in _MANY_TENANTS else tenant
    return _Derived(
        issuer=f"{authority}/{named}/v2.0",
        metadata_url=f"{authority}/{tenant}/v2.0{WELL_KNOWN}",
        more={
            "tenants": tenants,
            "verified_by": "xms_edov",
            # It knows keys by the certificates that were uploaded there.
            "authentication": ClientAuthentication(
                algorithm="PS256", asserted_to=AssertedTo.TOKEN_ENDPOINT, by_certificate=True
            ),
        },
    )


def _okta(members: Members) -> _Derived:
    """The issuer is the organization's address, or that of an authorization server in it (/oauth2/default)."""
    if members.url("issuer") is None and members.url("metadata_url") is None:
        raise InvalidConfiguration("issuer", "Missing: such as https://corp.okta.com or …/oauth2/default.")
    return _Derived(more={"authentication": ClientAuthentication(asserted_to=AssertedTo.TOKEN_ENDPOINT)})


def _auth0(members: Members) -> _Derived:
    """The issuer is the domain with a slash at its end."""
    domain, metadata_url = members.text("domain"), members.url("metadata_url")
    issuer = None if metadata_url is None else metadata_url.removesuffix(WELL_KNOWN) + "/"
    if domain is not None:
        issuer = domain.rstrip("/") + "/" if "://" in domain else f"https://{domain.rstrip('/')}/"
        if split_url(issuer) is None:
            raise InvalidConfiguration("domain", "The tenant's domain, such as corp.eu.auth0.com.")
    elif members.url("issuer") is None and metadata_url is None:
        raise InvalidConfiguration("domain", "Missing: the tenant's domain, such as corp.eu.auth0.com.")
    chosen = {name: value for name in ("connection", "organization") if (value := members.text(name)) is not None}
    return _Derived(issuer=issuer, parameters=chosen)


def _gitlab(members: Members) -> _Derived:
    """gitlab.com, or one's own by `url`. It gives a refresh token without being asked."""
    return _Derived(
        issuer=(members.url("url") or "https://gitlab.com").rstrip("/"),
        more={"offline_scope": None},
    )


PRESETS: Mapping[str, tuple[frozenset[str], Callable[[Members], _Derived]]] = {
    "google": (frozenset({"hosted_domains"}), _google),
    "keycloak": (frozenset({"realm_url", "kc_idp_hint"}), _keycloak),
    "entra": (frozenset({"tenant", "tenants", "authority"}), _entra),
    "okta": (frozenset(), _okta),
    "auth0": (frozenset({"domain", "connection", "organization"}), _auth0),
    "gitlab": (frozenset({"url"}), _gitlab),
}
"""For each preset of kind `oidc`: its own members, and what it makes of them."""
