"""Connections of the settings."""

import json

import pytest
from pydantic import ValidationError

from app.federation.connector import Connection, ConnectorKind, Policy
from app.federation.providers.connectors import Connectors
from app.federation.providers.declared import declared
from app.federation.providers.settings import GoogleSettings, IdentityProviderSettings, KeycloakSettings
from app.foundation.environment import SettingsError
from app.settings import load_settings
from tests.federation.providers.connector import PaperConnector
from tests.settings.test_settings import GOOD

ISSUER = "https://auth.example.com"
CORP = {
    "id": "corp",
    "name": "Corp",
    "kind": "saml",
    "config": {"client_id": "us"},
    "secret": "s3cret",
    "policy": {
        "domains": ["Corp.Example"],
        "rules": [{"claim": "g", "value": "v", "roles": [{"role": "staff"}], "groups": ["Everyone"]}],
    },
}


def connections(
    google: GoogleSettings | None = None,
    keycloak: KeycloakSettings | None = None,
    others: IdentityProviderSettings | None = None,
) -> tuple[Connection, ...]:
    return declared(
        google or GoogleSettings(),
        keycloak or KeycloakSettings(),
        others or IdentityProviderSettings(),
        connectors=Connectors([PaperConnector()]),
        issuer=ISSUER,
    )


def test_without_settings_there_is_none():
    assert connections() == ()


def test_three_variables_make_google_and_three_make_keycloak():
    google, keycloak = connections(
        GoogleSettings(client_id="g", client_secret="gs"),
        KeycloakSettings(metadata_url="https://sso.example.com/realms/main", client_id="k"),
    )
    assert (google.id, google.preset, google.secret) == ("google", "google", "gs")
    assert google.config["metadata_url"] == "https://accounts.google.com/.well-known/openid-configuration"
    assert google.callback_url == f"{ISSUER}/auth/oauth/google/callback"
    assert (keycloak.id, keycloak.preset, keycloak.secret) == ("keycloak", "keycloak", None)
    assert keycloak.config["realm_url"] == "https://sso.example.com/realms/main"
    assert google.from_settings
    assert keycloak.policy == Policy()
    whole = "https://sso.example.com/realms/main/.well-known/openid-configuration"
    (by_metadata,) = connections(keycloak=KeycloakSettings(metadata_url=whole, client_id="k"))
    assert by_metadata.config["metadata_url"] == whole


def test_the_list_carries_whatever_a_connection_has():
    (corp,) = connections(others=IdentityProviderSettings.model_validate({"declared": [CORP]}))
    assert (corp.kind, corp.secret, corp.policy.domains) == (ConnectorKind.SAML, "s3cret", ("corp.example",))
    assert corp.policy.rules[0].roles == ((None, "staff"),)
    assert corp.callback_url == f"{ISSUER}/auth/saml/corp/acs"
    assert "s3cret" not in repr(IdentityProviderSettings.model_validate({"declared": [CORP]}))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ([CORP | {"config": {}}], "client_id"),
        ([CORP, CORP | {"id": "more"}], "corp.example is a domain of corp already"),
        ([CORP | {"id": "google"}], "It is declared twice"),
        ([CORP | {"kind": "oauth2"}], "This deployment speaks oidc, saml"),
    ],
)
def test_what_a_connector_or_the_registry_would_refuse_stops_the_start(more, words):
    others = IdentityProviderSettings.model_validate({"declared": more})
    with pytest.raises(SettingsError, match=words) as refused:
        connections(GoogleSettings(client_id="g"), others=others)
    assert [fault.variable for fault in refused.value.faults] == ["IDENTITY_PROVIDERS__DECLARED"]
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    "settings",
    [
        lambda: GoogleSettings(client_secret="s3cret"),
        lambda: KeycloakSettings(client_id="k"),
        lambda: IdentityProviderSettings.model_validate({"declared": [CORP, CORP]}),
        lambda: IdentityProviderSettings.model_validate({"declared": [CORP | {"id": "Not An Id"}]}),
        lambda: IdentityProviderSettings.model_validate({"declared": [CORP | {"unknown": 1}]}),
        lambda: IdentityProviderSettings.model_validate({"declared": [CORP | {"secret": ""}]}),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings):
    with pytest.raises(ValidationError):
        settings()


def test_they_are_read_from_the_environment_and_a_file(tmp_path):
    place = tmp_path / "providers.json"
    place.write_text(json.dumps([CORP]))
    place.chmod(0o400)
    settings = load_settings(
        GOOD
        | {
            "GOOGLE__CLIENT_ID": "g",
            "GOOGLE__CLIENT_SECRET": "gs",
            "IDENTITY_PROVIDERS__DECLARED_FILE": str(place),
        },
        env_file=None,
    )
    found = connections(settings.google, settings.keycloak, settings.identity_providers)
    assert [(one.id, one.secret) for one in found] == [("google", "gs"), ("corp", "s3cret")]
    with pytest.raises(SettingsError, match="KEYCLOAK__"):
        load_settings(GOOD | {"KEYCLOAK__CLIENT_ID": "k"}, env_file=None)
