"""The document, as it is published: `export-config --schema`."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.admin.client_metadata import MetadataFields
from app.clients.rules import application_type_of
from app.federation.connector import ConnectorKind
from app.federation.providers.rules import domain_key
from app.federation.providers.settings import PolicyFields
from app.protocols.assurance import ACR
from app.protocols.jose.algorithms import Algorithm
from app.protocols.oauth.registration import AuthMethod

Name = Annotated[str, Field(min_length=1, max_length=128)]
Text = Annotated[str, Field(min_length=1, max_length=2000)]
SecretReference = Annotated[str, Field(pattern=r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$", max_length=2000)]


class Entry(BaseModel):
    """The base of every entry: what is not said has its default, and nothing unknown is taken."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    def comparable(self) -> dict[str, Any]:
        """The entry as plain values, in one order, so that equal entries are equal."""
        return {name: _in_order(value) for name, value in self.model_dump(mode="json").items()}


class AudienceEntry(Entry):
    """A downstream service. `scopes` maps each scope to the permission that it needs, or to null."""

    resources: list[Text] = []
    scopes: dict[Name, Name | None] = {}
    signing_algorithm: Algorithm | None = None
    access_token_seconds: int | None = Field(default=None, ge=1, le=3600)
    claims: list[Name] = []
    required_acr: ACR | None = None


class RoleEntry(Entry):
    """A role. `permissions` maps audiences, `self` among them, to what its holders may do there."""

    permissions: dict[Name, list[Name]] = {}
    required_acr: ACR | None = None


class HeldRole(Entry):
    """A role that a group holds: at one audience, or everywhere."""

    role: Name
    audience: Name | None = None


class GroupEntry(Entry):
    """A group without its members, who are no configuration."""

    description: str | None = Field(default=None, max_length=500)
    roles: list[HeldRole] = []


class ClientEntry(MetadataFields, Entry):
    """An OAuth client, called by its name. `secret` says where its secret stands, and is never exported."""

    audience: Name | None = None
    scopes: list[Name] = []
    grant_types: list[Name] = []
    redirect_uris: list[Text] = []
    token_endpoint_auth_method: AuthMethod = AuthMethod.BASIC
    targets: dict[Name, list[Name] | None] = {}
    jwks: dict[str, Any] | None = None
    jwks_uri: Text | None = None
    disabled: bool = False
    secret: SecretReference | None = None

    def comparable(self) -> dict[str, Any]:
        """Without the secret, which cannot be read back: it is compared by its hash when it is given."""
        stated = {name: value for name, value in super().comparable().items() if name != "secret"}
        if self.application_type is None:
            stated["application_type"] = application_type_of(self.token_endpoint_auth_method).value
        return stated


class WebhookEntry(Entry):
    """A webhook endpoint, called by its URL."""

    event_types: list[Name] = Field(min_length=1)
    description: str | None = Field(default=None, max_length=500)
    disabled: bool = False


class ProviderEntry(Entry):
    """An identity provider, called by its id. `secret` says where its secret stands, and is never exported."""

    name: Name
    kind: ConnectorKind = ConnectorKind.OIDC
    preset: Name | None = None
    config: dict[str, Any]
    policy: PolicyFields = PolicyFields()
    disabled: bool = False
    secret: SecretReference | None = None

    def comparable(self) -> dict[str, Any]:
        """Without the secret, which is compared when it is given, and with each domain in its one spelling."""
        stated = {name: value for name, value in super().comparable().items() if name != "secret"}
        stated["policy"]["domains"] = sorted(domain_key(raw) or raw for raw in self.policy.domains)
        return stated


class Document(Entry):
    """What is set up. A part that is left out says nothing of its kind; an empty one says that there is none of it."""

    version: Literal[1]
    audiences: dict[Name, AudienceEntry] | None = None
    roles: dict[Name, RoleEntry] | None = None
    groups: dict[Name, GroupEntry] | None = None
    clients: dict[Name, ClientEntry] | None = None
    webhooks: dict[Text, WebhookEntry] | None = None
    identity_providers: dict[Name, ProviderEntry] | None = None


def schema() -> dict[str, Any]:
    """The JSON schema of the document. Spec: JSON Schema 2020-12."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Document.model_json_schema()}


def _in_order(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _in_order(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        return sorted((_in_order(item) for item in value), key=repr)
    return value
