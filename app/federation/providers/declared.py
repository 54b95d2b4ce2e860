"""The connections that the settings declare."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from pydantic import SecretStr

from app.federation.connector import Connection
from app.federation.providers.connectors import Connectors
from app.federation.providers.definition import Definition, Provider, callback_url, connection
from app.federation.providers.errors import InvalidIdentityProvider
from app.federation.providers.rules import checked
from app.federation.providers.settings import GoogleSettings, IdentityProviderSettings, KeycloakSettings
from app.foundation.environment import Fault, SettingsError

_WELL_KNOWN = "/.well-known/openid-configuration"

_Given = tuple[str, str, Definition, SecretStr | None]


def declared(
    google: GoogleSettings,
    keycloak: KeycloakSettings,
    others: IdentityProviderSettings,
    *,
    connectors: Connectors,
    issuer: str,
) -> tuple[Connection, ...]:
    """Every connection of the settings, in their order, each as its connector wants it. Raises SettingsError."""
    found: dict[str, Connection] = {}
    faults: list[Fault] = []
    for variable, example, definition, secret in _given(google, keycloak, others):
        try:
            made = _connection(definition, secret, connectors=connectors, issuer=issuer)
            _refuse_repetition(made, found)
            found[made.id] = made
        except InvalidIdentityProvider as error:
            words = f"At {definition.id}: {error.description}"
            faults.append(Fault(variable=variable, words=words, example=example))
    if faults:
        raise SettingsError(faults)
    return tuple(found.values())


def provider_of(one: Connection) -> Provider:
    """A declared connection as administrators see it."""
    return Provider(
        definition=Definition(
            id=one.id,
            name=one.name,
            kind=one.kind,
            preset=one.preset,
            config=one.config,
            policy=one.policy,
            is_enabled=one.is_enabled,
        ),
        version=one.version,
        has_secret=one.secret is not None,
        callback_url=one.callback_url,
        from_settings=True,
        created_at=None,
        updated_at=None,
    )


def _given(google: GoogleSettings, keycloak: KeycloakSettings, others: IdentityProviderSettings) -> Iterator[_Given]:
    if google.client_id is not None:
        config = {"metadata_url": google.metadata_url, "client_id": google.client_id}
        definition = Definition(id="google", name="Google", preset="google", config=config)
        example = "GOOGLE__CLIENT_ID=1234567890-abc.apps.googleusercontent.com"
        yield "GOOGLE__CLIENT_ID", example, definition, google.client_secret
    if keycloak.client_id is not None:
        given = keycloak.metadata_url or ""
        member = "metadata_url" if given.endswith(_WELL_KNOWN) else "realm_url"
        config = {member: given, "client_id": keycloak.client_id}
        definition = Definition(id="keycloak", name="Keycloak", preset="keycloak", config=config)
        example = "KEYCLOAK__METADATA_URL=https://sso.example.com/realms/main"
        yield "KEYCLOAK__METADATA_URL", example, definition, keycloak.client_secret
    for provider in others.declared:
        example = "IDENTITY_PROVIDERS__DECLARED_FILE=/run/secrets/identity_providers.json"
        yield "IDENTITY_PROVIDERS__DECLARED", example, provider.definition(), provider.secret


def _refuse_repetition(made: Connection, found: Mapping[str, Connection]) -> None:
    if made.id in found:
        raise InvalidIdentityProvider("It is declared twice.")
    owners = {domain: other.id for other in found.values() for domain in other.policy.domains}
    for domain in made.policy.domains:
        if domain in owners:
            raise InvalidIdentityProvider(f"{domain} is a domain of {owners[domain]} already.")


def _connection(definition: Definition, secret: SecretStr | None, *, connectors: Connectors, issuer: str) -> Connection:
    definition = checked(definition)
    config = connectors.check(definition.kind, definition.preset, definition.config)
    provider = Provider(
        definition=replace(definition, config=config),
        # The settings do not change while a process lives.
        version=0,
        has_secret=secret is not None,
        callback_url=callback_url(issuer, definition.kind, definition.id),
        from_settings=True,
        created_at=None,
        updated_at=None,
    )
    return connection(provider, None if secret is None else secret.get_secret_value())
