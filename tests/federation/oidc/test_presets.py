"""The presets: what each makes of a few members, and what it checks beyond the standard."""

from typing import Any
from uuid import uuid4

import pytest

from app.federation.connector import ConnectorKind, InvalidConfiguration, Policy, Refusal
from app.federation.oidc.plain_setup import read_plain
from app.federation.oidc.setup import read_oidc
from tests.federation.oidc.provider import LEAVE_OUT, Provider, serving
from tests.federation.oidc.relying_party import RelyingParty, connection_to

pytestmark = pytest.mark.anyio


def test_each_preset_finds_its_provider_by_few_members():
    for preset, config, issuer, metadata_url in (
        ("google", {}, "https://accounts.google.com", "https://accounts.google.com/.well-known/openid-configuration"),
        (
            "keycloak",
            {"realm_url": "https://sso.example.com/realms/staff/"},
            "https://sso.example.com/realms/staff",
            "https://sso.example.com/realms/staff/.well-known/openid-configuration",
        ),
        (
            "keycloak",
            {"metadata_url": "http://keycloak:8080/realms/staff/.well-known/openid-configuration"},
            "http://keycloak:8080/realms/staff",
            "http://keycloak:8080/realms/staff/.well-known/openid-configuration",
        ),
        (
            "entra",
            {"tenant": "8eaef023-2b34-4da1-9baa-8bc8c9d6a490"},
            "https://login.microsoftonline.com/8eaef023-2b34-4da1-9baa-8bc8c9d6a490/v2.0",
            "https://login.microsoftonline.com/8eaef023-2b34-4da1-9baa-8bc8c9d6a490/v2.0/.well-known/openid-configuration",
        ),
        (
            "entra",
            {"tenant": "organizations"},
            "https://login.microsoftonline.com/{tenantid}/v2.0",
            "https://login.microsoftonline.com/organizations/v2.0/.well-known/openid-configuration",
        ),
        (
            "okta",
            {"issuer": "https://corp.okta.com/oauth2/default"},
            "https://corp.okta.com/oauth2/default",
            "https://corp.okta.com/oauth2/default/.well-known/openid-configuration",
        ),
        (
            "auth0",
            {"domain": "corp.eu.auth0.com"},
            "https://corp.eu.auth0.com/",
            "https://corp.eu.auth0.com/.well-known/openid-configuration",
        ),
        (
            "auth0",
            {"metadata_url": "https://corp.eu.auth0.com/.well-known/openid-configuration"},
            "https://corp.eu.auth0.com/",
            "https://corp.eu.auth0.com/.well-known/openid-configuration",
        ),
        ("gitlab", {}, "https://gitlab.com", "https://gitlab.com/.well-known/openid-configuration"),
        (
            "gitlab",
            {"url": "https://git.example.com"},
            "https://git.example.com",
            "https://git.example.com/.well-known/openid-configuration",
        ),
        (
            None,
            {"issuer": "https://id.example.com"},
            "https://id.example.com",
            "https://id.example.com/.well-known/openid-configuration",
        ),
    ):
        setup = read_oidc(preset, {"client_id": "rp", **config})
        assert (setup.issuer.name, setup.metadata_url) == (issuer, metadata_url), (preset, config)


def test_github_and_its_servers_in_companies_are_known():
    setup = read_plain("github", {"client_id": "rp"})
    assert setup.authorization_endpoint == "https://github.com/login/oauth/authorize"
    assert setup.profile_endpoint == "https://api.github.com/user"
    own = read_plain("github", {"client_id": "rp", "url": "https://git.corp.example"})
    assert own.emails_endpoint == "https://git.corp.example/api/v3/user/emails"


async def test_a_wrong_member_is_named(rp: RelyingParty):
    oidc, oauth2 = ConnectorKind.OIDC, ConnectorKind.OAUTH2
    plain = {"authorization_endpoint": "https://a.example/a", "token_endpoint": "https://a.example/t"}
    for kind, preset, config, member in (
        (oidc, None, {}, "issuer"),
        (oidc, None, {"issuer": "id.example.com"}, "issuer"),
        (oidc, None, {"issuer": "https://id.example.com?x=1"}, "issuer"),
        (oidc, None, {"issuer": "https://user@id.example.com"}, "issuer"),
        (oidc, None, {"issuer": "https://id.example.com", "client_id": None}, "client_id"),
        (oidc, None, {"issuer": "https://id.example.com", "client_id": 7}, "client_id"),
        (oidc, None, {"metadata_url": "https://id.example.com/metadata"}, "issuer"),
        (oidc, None, {"issuer": "https://id.example.com", "realm_url": "https://id.example.com"}, "realm_url"),
        (oidc, None, {"issuer": "https://id.example.com", "scopes": ["email"]}, "scopes"),
        (oidc, None, {"issuer": "https://id.example.com", "scopes": ["openid", "a b"]}, "scopes"),
        (oidc, None, {"issuer": "https://id.example.com", "scopes": "openid"}, "scopes"),
        (oidc, None, {"issuer": "https://id.example.com", "userinfo": "sometimes"}, "userinfo"),
        (
            oidc,
            None,
            {"issuer": "https://id.example.com", "token_endpoint_auth_method": "x"},
            "token_endpoint_auth_method",
        ),
        (oidc, None, {"issuer": "https://id.example.com", "parameters": {"state": "mine"}}, "parameters"),
        (oidc, None, {"issuer": "https://id.example.com", "parameters": {"a": 1}}, "parameters"),
        (oidc, "myspace", {}, "preset"),
        (oidc, "keycloak", {}, "realm_url"),
        (oidc, "entra", {}, "tenant"),
        (oidc, "entra", {"tenant": "corp.example"}, "tenant"),
        (oidc, "entra", {"tenant": "common", "issuer": "https://id.example.com"}, "issuer"),
        (oidc, "entra", {"tenant": str(uuid4()), "tenants": [str(uuid4())]}, "tenants"),
        (oidc, "okta", {}, "issuer"),
        (oidc, "auth0", {}, "domain"),
        (oidc, "auth0", {"domain": "a b"}, "domain"),
        (oauth2, None, {}, "authorization_endpoint"),
        (oauth2, None, plain, "profile_endpoint"),
        (oauth2, None, {**plain, "profile_endpoint": "https://a.example/u", "claims": {"sub": "id"}}, "claims"),
        (oauth2, "gitlab", {}, "preset"),
        (oauth2, "github", {"url": "github"}, "url"),
    ):
        with pytest.raises(InvalidConfiguration) as refused:
            rp.connector.check(kind, preset, {"client_id": "rp", **config})
        assert refused.value.member == member, (kind, preset, config, refused.value)


async def test_what_is_left_out_is_filled_in(rp: RelyingParty):
    checked = rp.connector.check(ConnectorKind.OIDC, "google", {"client_id": "rp"})
    assert checked == {"client_id": "rp", "scopes": ["openid", "email", "profile"], "userinfo": "auto"}
    # What was checked once is still right when it is read again.
    assert rp.connector.check(ConnectorKind.OIDC, "google", checked) == checked


async def test_google_admits_the_hosted_domains_alone_by_what_it_signed(provider: Provider, rp: RelyingParty):
    one = connection_to(provider, preset="google", issuer=provider.issuer, hosted_domains=["corp.example"])
    two = connection_to(
        provider, preset="google", issuer=provider.issuer, hosted_domains=["corp.example", "Sub.Corp.Example"]
    )
    for hd in (LEAVE_OUT, "evil.example", "xcorp.example", ["corp.example"], True, ""):
        provider.id_token_changes = {"hd": hd, "email": "jane@corp.example"}
        provider.userinfo_changes = {"hd": "corp.example"}
        await rp.refused(provider, Refusal.NOT_ALLOWED, "id_token: hd", connection=one)
    provider.id_token_changes = {"hd": "sub.corp.example"}
    assert (await rp.sign_in(provider, two)).subject == "248289761001"
    assert provider.asked[-1]["hd"] == "*"
    await rp.refused(provider, Refusal.NOT_ALLOWED, "id_token: hd", connection=one)
    assert provider.asked[-1]["hd"] == "corp.example"


async def test_google_may_leave_https_out_of_its_name_and_gives_refresh_tokens_in_its_own_way(
    provider: Provider, rp: RelyingParty
):
    google = connection_to(provider, preset="google", issuer=provider.issuer, policy=Policy(keeps_refresh_token=True))
    provider.id_token_changes = {"iss": provider.issuer.removeprefix("http://")}
    provider.token_changes = {"refresh_token": "1//0g"}
    identity = await rp.sign_in(provider, google, prompts_again=True)
    assert (identity.issuer, identity.refresh_token) == (provider.issuer, "1//0g")
    asked = provider.asked[-1]
    assert (asked["access_type"], asked["prompt"]) == ("offline", "select_account consent")
    assert asked["scope"] == "openid email profile"
    await rp.refused(provider, Refusal.FORGED, "id_token: iss")


async def test_keycloak_is_told_which_of_its_own_providers_to_use(provider: Provider, rp: RelyingParty):
    connection = connection_to(provider, preset="keycloak", realm_url=provider.issuer, kc_idp_hint="corp-saml")
    assert (await rp.sign_in(provider, connection)).issuer == provider.issuer
    assert provider.asked[-1]["kc_idp_hint"] == "corp-saml"


TENANT, OTHER = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490", "11111111-2b34-4da1-9baa-8bc8c9d6a490"


def entra(provider: Provider, **config: Any) -> Any:
    """A stand-in for Entra's endpoint for many tenants."""
    authority = provider.issuer.removesuffix(provider.path)
    provider.metadata_changes["issuer"] = f"{authority}/{{tenantid}}/v2.0"
    return connection_to(provider, preset="entra", authority=authority, **{"tenant": "organizations", **config})


async def test_entra_vouches_for_people_of_the_tenant_that_the_token_and_its_key_name(rp: RelyingParty):
    async with entra_stand_in() as provider:
        connection = entra(provider)
        authority = provider.issuer.removesuffix(provider.path)
        provider.callback_changes = {"iss": LEAVE_OUT}
        provider.metadata_changes["authorization_response_iss_parameter_supported"] = LEAVE_OUT
        good = {"tid": TENANT, "iss": f"{authority}/{TENANT}/v2.0"}
        provider.id_token_changes = good
        identity = await rp.sign_in(provider, connection)
        assert identity.issuer == f"{authority}/{TENANT}/v2.0"
        for changes, check in (
            ({"tid": OTHER}, "id_token: iss"),
            ({"iss": f"{authority}/{OTHER}/v2.0"}, "id_token: iss"),
            ({"iss": f"{authority}/{{tenantid}}/v2.0"}, "id_token: iss"),
            ({"tid": LEAVE_OUT}, "id_token: tid"),
            ({"tid": "common"}, "id_token: tid"),
            ({"tid": f"{TENANT}/../{OTHER}"}, "id_token: tid"),
            ({"tid": [TENANT]}, "id_token: tid"),
        ):
            provider.id_token_changes = good | changes
            await rp.refused(provider, Refusal.FORGED, check, connection=connection)
        provider.id_token_changes = good
        chosen = entra(provider, tenants=[OTHER])
        await rp.refused(provider, Refusal.NOT_ALLOWED, "id_token: tid", connection=chosen)
        rp.later(3600)
        published = provider.key.as_dict(private=False)
        provider.jwks = lambda: {"keys": [published | {"issuer": f"{authority}/{OTHER}/v2.0"}]}
        await rp.refused(provider, Refusal.FORGED, "id_token: issuer of the key", connection=connection)
        rp.later(3600)
        provider.jwks = lambda: {"keys": [published | {"issuer": f"{authority}/{{tenantid}}/v2.0"}]}
        assert (await rp.sign_in(provider, connection)).subject == "248289761001"
        provider.callback_changes = {"iss": f"{authority}/evil/v2.0"}
        await rp.refused(provider, Refusal.FORGED, "iss", connection=connection)


@pytest.mark.attack("RPF-07")
async def test_an_address_at_entra_is_verified_only_by_its_owner_of_the_domain(rp: RelyingParty):
    async with entra_stand_in() as provider:
        connection = entra(provider)
        authority = provider.issuer.removesuffix(provider.path)
        good = {"tid": TENANT, "iss": f"{authority}/{TENANT}/v2.0"}
        provider.metadata_changes["authorization_response_iss_parameter_supported"] = False
        provider.callback_changes = {"iss": LEAVE_OUT}
        for said, verified in ((LEAVE_OUT, False), (False, False), ("0", False), (True, True), ("1", True)):
            provider.id_token_changes = good | {"xms_edov": said, "email_verified": True}
            identity = await rp.sign_in(provider, connection)
            assert identity.email_verified is verified
            # Said in so many words, for a policy that would take silence for a word.
            assert identity.claims["email_verified"] is verified


def entra_stand_in() -> Any:
    return serving(Provider(path="/organizations/v2.0"))
