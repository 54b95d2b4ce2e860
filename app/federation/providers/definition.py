"""How a provider is set up, and what an administrator sees of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.federation.connector import Connection, ConnectorKind, Linking, Policy, Rule

OIDC_CALLBACK = "/auth/oauth/{id}/callback"
SAML_CALLBACK = "/auth/saml/{id}/acs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A connection as somebody wants it. Its secret goes beside it."""

    id: str
    name: str
    kind: ConnectorKind = ConnectorKind.OIDC
    preset: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    is_enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A connection as it is set up, without its secret. A declared one has no times, and the version 0."""

    definition: Definition
    version: int
    has_secret: bool
    callback_url: str
    from_settings: bool
    created_at: datetime | None
    updated_at: datetime | None

    @property
    def id(self) -> str:
        """Its name in addresses."""
        return self.definition.id


def callback_url(issuer: str, kind: ConnectorKind, provider_id: str) -> str:
    """Where a provider sends the browser back to."""
    path = SAML_CALLBACK if kind is ConnectorKind.SAML else OIDC_CALLBACK
    return issuer + path.format(id=provider_id)


def connection(provider: Provider, secret: str | None) -> Connection:
    """The connection with its secret, for its connector."""
    definition = provider.definition
    return Connection(
        id=definition.id,
        name=definition.name,
        kind=definition.kind,
        preset=definition.preset,
        config=definition.config,
        secret=secret,
        policy=definition.policy,
        version=provider.version,
        callback_url=provider.callback_url,
        is_enabled=definition.is_enabled,
        from_settings=provider.from_settings,
    )


def policy_as_json(policy: Policy) -> dict[str, Any]:
    """A policy as it is stored, shown and written down."""
    return {
        "creates_users": policy.creates_users,
        "linking": policy.linking.value,
        "rules": [_rule_as_json(rule) for rule in policy.rules],
        "keeps_refresh_token": policy.keeps_refresh_token,
        "domains": list(policy.domains),
        "shown": policy.is_shown,
    }


def policy_of(stored: Mapping[str, Any]) -> Policy:
    """The policy that was stored in that form."""
    return Policy(
        creates_users=stored["creates_users"],
        linking=Linking(stored["linking"]),
        rules=tuple(_rule_of(rule) for rule in stored["rules"]),
        keeps_refresh_token=stored["keeps_refresh_token"],
        domains=tuple(stored["domains"]),
        is_shown=stored["shown"],
    )


def _rule_as_json(rule: Rule) -> dict[str, Any]:
    roles = [{"role": role, "audience": audience} for audience, role in rule.roles]
    return {"claim": rule.claim, "value": rule.value, "roles": roles, "groups": list(rule.groups)}


def _rule_of(stored: Mapping[str, Any]) -> Rule:
    return Rule(
        claim=stored["claim"],
        value=stored["value"],
        roles=tuple((given["audience"], given["role"]) for given in stored["roles"]),
        groups=tuple(stored["groups"]),
    )
