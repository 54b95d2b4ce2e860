"""Identity providers that the deployment declares."""

from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from app.federation.connector import ConnectorKind, Linking, Policy, Rule
from app.federation.providers.definition import Definition
from app.federation.providers.errors import InvalidIdentityProvider
from app.federation.providers.rules import (
    MAX_CLAIM_CHARACTERS,
    MAX_DOMAINS,
    MAX_GIVEN,
    MAX_NAME_CHARACTERS,
    MAX_RULES,
    MAX_SECRET_CHARACTERS,
    MAX_VALUE_CHARACTERS,
    checked,
)

Name = Annotated[str, Field(max_length=128)]


class _Fields(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class GivenRoleFields(_Fields):
    """A role that a rule gives: at one audience, or everywhere where `audience` is null."""

    role: str = Field(max_length=64, examples=["support"])
    audience: Name | None = None


class RuleFields(_Fields):
    """Who has `value` in the claim at the path `claim` holds these roles and groups, as long as they have it."""

    claim: str = Field(max_length=MAX_CLAIM_CHARACTERS, examples=["realm_access.roles"])
    value: str = Field(max_length=MAX_VALUE_CHARACTERS, examples=["staff"])
    roles: list[GivenRoleFields] = Field(default=[], max_length=MAX_GIVEN)
    groups: list[Name] = Field(default=[], max_length=MAX_GIVEN)


class PolicyFields(_Fields):
    """What a provider's people become here.

    `linking` says what happens to an identity whose mail address an account has already: `never`, they sign in to
    the account first and link it there; `verified_email`, it is linked where both sides have verified the address.
    """

    creates_users: bool = True
    linking: Linking = Field(default=Linking.NEVER, strict=False)
    rules: list[RuleFields] = Field(default=[], max_length=MAX_RULES)
    keeps_refresh_token: bool = False
    domains: list[Annotated[str, Field(max_length=255)]] = Field(
        default=[], max_length=MAX_DOMAINS, examples=[["corp.example"]]
    )
    shown: bool = True

    def policy(self) -> Policy:
        """The value that services take."""
        rules = (
            Rule(
                claim=rule.claim,
                value=rule.value,
                roles=tuple((given.audience, given.role) for given in rule.roles),
                groups=tuple(rule.groups),
            )
            for rule in self.rules
        )
        return Policy(
            creates_users=self.creates_users,
            linking=self.linking,
            rules=tuple(rules),
            keeps_refresh_token=self.keeps_refresh_token,
            domains=tuple(self.domains),
            is_shown=self.shown,
        )


class DeclaredProvider(_Fields):
    """One provider of the list."""

    id: str
    name: str = Field(max_length=MAX_NAME_CHARACTERS)
    kind: ConnectorKind = Field(default=ConnectorKind.OIDC, strict=False)
    preset: str | None = None
    config: dict[str, Any]
    secret: SecretStr | None = Field(default=None, min_length=1, max_length=MAX_SECRET_CHARACTERS)
    policy: PolicyFields = PolicyFields()
    enabled: bool = True

    @model_validator(mode="after")
    def _follows_the_rules(self) -> Self:
        try:
            checked(self.definition())
        except InvalidIdentityProvider as error:
            raise ValueError(error.description) from None
        return self

    def definition(self) -> Definition:
        """The value that services take."""
        return Definition(
            id=self.id,
            name=self.name,
            kind=self.kind,
            preset=self.preset,
            config=self.config,
            policy=self.policy.policy(),
            is_enabled=self.enabled,
        )


class IdentityProviderSettings(BaseModel):
    """The `IDENTITY_PROVIDERS__…` settings."""

    model_config = ConfigDict(frozen=True)

    declared: tuple[DeclaredProvider, ...] = Field(
        default=(),
        description=(
            "Identity providers that people sign in by, as a JSON list; with their secrets it best stands in a file "
            "(IDENTITY_PROVIDERS__DECLARED_FILE). Those that administrators set up stand beside them. "
            "See docs/identity-providers.md."
        ),
        examples=[
            (
                '[{"id":"corp","name":"Corp","config":{"issuer":"https://id.corp.example",'
                '"client_id":"auth-service"},"secret":"from the provider","policy":{"domains":["corp.example"]}}]'
            )
        ],
    )

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        ids = [provider.id for provider in self.declared]
        if len(set(ids)) < len(ids):
            raise ValueError("an identity provider is declared twice")
        return self


class _OneProvider(BaseModel):
    model_config = ConfigDict(frozen=True)

    client_id: str | None = None
    client_secret: SecretStr | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.client_secret is not None and self.client_id is None:
            raise ValueError("a secret without CLIENT_ID is nobody's: set both or none")
        return self


class GoogleSettings(_OneProvider):
    """The `GOOGLE__…` settings: the provider `google`, where `client_id` is set."""

    metadata_url: str = Field(
        default="https://accounts.google.com/.well-known/openid-configuration",
        description="Google's own description of itself.",
    )
    client_id: str | None = Field(
        default=None,
        min_length=1,
        description='The client id of "Sign in with Google", which is there when this is set.',
        examples=["1234567890-abc.apps.googleusercontent.com"],
    )
    client_secret: SecretStr | None = Field(default=None, min_length=1, description="The secret that goes with it.")


class KeycloakSettings(_OneProvider):
    """The `KEYCLOAK__…` settings: the provider `keycloak`, where `client_id` is set."""

    metadata_url: str | None = Field(
        default=None,
        description="The address of the realm of your Keycloak, or of its metadata.",
        examples=["https://sso.example.com/realms/main"],
    )
    client_id: str | None = Field(
        default=None,
        min_length=1,
        description='The client id of "Sign in with Keycloak", which is there when this is set.',
        examples=["auth-service"],
    )
    client_secret: SecretStr | None = Field(
        default=None, min_length=1, description="The secret that goes with it, where the client is confidential."
    )

    @model_validator(mode="after")
    def _has_a_realm(self) -> Self:
        if self.client_id is not None and self.metadata_url is None:
            raise ValueError("CLIENT_ID needs METADATA_URL: the address of the realm")
        return self
