"""The testing plugin stands in for providers of every preset: their tokens, their introspection, their logouts."""

import pytest
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient

from auth_service_sdk import (
    BackChannelLogout,
    ClaimPaths,
    Identity,
    Introspection,
    JWTAuthMiddleware,
    OIDCIssuer,
    Preset,
    require_fresh_auth,
    require_permission,
    require_role,
    require_scope,
    require_user,
)
from auth_service_sdk.gate import FOREIGN_ALGORITHMS
from auth_service_sdk.testing import BAD_TOKENS

TENANT = "aaaabbbb-0000-cccc-1111-dddd2222eeee"
ISSUERS = {
    Preset.KEYCLOAK: ("https://id.example.com/realms/shop", "orders-api"),
    Preset.AUTH0: ("https://example.eu.auth0.com/", "https://orders.example.com"),
    Preset.OKTA: ("https://example.okta.com/oauth2/default", "api://default"),
    Preset.COGNITO: ("https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Example", "57cb"),
    Preset.ENTRA: (f"https://login.microsoftonline.com/{TENANT}/v2.0", "api://orders"),
    Preset.GOOGLE: ("https://accounts.google.com", "1.apps.googleusercontent.com"),
    Preset.ZITADEL: ("https://shop.zitadel.cloud", "2501"),
    Preset.AUTHENTIK: ("https://id.example.com/application/o/orders/", "client-1"),
    Preset.GENERIC: ("https://id.example.com", "orders-api"),
}
# What a provider's tokens do not say by themselves.
SILENT = {preset: {"permissions"} for preset in Preset} | {
    Preset.AUTH0: {"roles"},
    Preset.GOOGLE: {"roles", "scopes", "permissions"},
    Preset.GENERIC: set(),
}
RIGHTS = {"roles": ["admin"], "scopes": ["orders:read", "profile"], "permissions": ["orders.refund"]}


def trusted(preset, **options):
    url, audience = ISSUERS[preset]
    return OIDCIssuer(url, audience=audience, preset=preset, **options)


def application(*issuers, **options):
    app = FastAPI()

    @app.get("/whoami")
    async def whoami(identity: Identity = Depends(require_user)) -> Identity:
        return identity

    async def reached():
        return {}

    rules = {
        "/admin": require_role("admin"),
        "/orders": require_scope("orders:read"),
        "/refunds": require_permission("orders.refund"),
        "/fresh": require_fresh_auth(max_age=300),
    }
    for path, rule in rules.items():
        app.get(path, dependencies=[Depends(rule)])(reached)
    app.add_middleware(JWTAuthMiddleware, issuer=list(issuers), **options)
    return app


def whoami(client, headers):
    answer = client.get("/whoami", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("preset", Preset)
def test_a_caller_is_made_in_the_shape_of_the_provider_and_read_back(preset, auth_as):
    client = TestClient(application(trusted(preset)))
    rights = {name: names for name, names in RIGHTS.items() if name not in SILENT[preset]}
    identity = whoami(client, auth_as(sub="u-7", **rights))
    assert {name: identity[name] for name in rights} == rights
    assert (identity["sub"], identity["kind"], identity["claims"]["iss"]) == ("u-7", "user", ISSUERS[preset][0])
    assert identity["client_id"]
    for name in RIGHTS.keys() - rights:
        with pytest.raises(ValueError, match=name):
            auth_as(**{name: RIGHTS[name]})


@pytest.mark.parametrize("preset", sorted(set(Preset) - {Preset.GOOGLE, Preset.AUTHENTIK}))
def test_a_clients_own_token_is_made_too(preset, auth_as):
    client = TestClient(application(trusted(preset)))
    name = ISSUERS[preset][1] if preset == Preset.COGNITO else "batch"
    assert whoami(client, auth_as(sub=name, client_id=name))["kind"] == "service"


@pytest.mark.parametrize("preset", Preset)
def test_a_bad_token_of_a_provider_is_refused_as_a_real_one(preset, auth_as):
    client = TestClient(application(trusted(preset)))
    for name in set(BAD_TOKENS) - {"revoked"}:
        assert client.get("/whoami", headers=getattr(auth_as, name)()).status_code == 401, name
    with pytest.raises(LookupError, match="logout_token"):
        auth_as.revoked()


@pytest.mark.parametrize("preset", Preset)
def test_introspection_answers_about_signed_and_opaque_tokens(preset, auth_as, auth_issuer):
    asked = Introspection(client_id="c", client_secret="s", endpoint="https://elsewhere.example/introspect")
    client = TestClient(application(trusted(preset, introspection=asked)))
    roles = [] if "roles" in SILENT[preset] else ["admin"]
    for opaque in (False, True):
        headers = auth_as(sub="u-7", roles=roles, opaque=opaque)
        identity = whoami(client, headers)
        assert (identity["sub"], identity["roles"]) == ("u-7", roles)
        auth_issuer.revoke(headers)
        assert client.get("/whoami", headers=headers).status_code == 401
        for name in set(BAD_TOKENS) - ({"wrong_issuer", "wrong_algorithm", "wrong_key"} if opaque else set()):
            refused = getattr(auth_as, name)(opaque=opaque)
            assert client.get("/whoami", headers=refused).status_code == 401, (name, opaque)
    assert client.get("/whoami", headers={"authorization": "Bearer unheard-of"}).status_code == 401


def test_a_provider_may_sign_by_any_of_its_algorithms(auth_as):
    client = TestClient(application(trusted(Preset.KEYCLOAK)))
    for algorithm in FOREIGN_ALGORITHMS:
        assert whoami(client, auth_as(algorithm=algorithm))["sub"] == "user-1"
        wrong = auth_as.wrong_key(algorithm=algorithm)
        assert client.get("/whoami", headers=wrong).status_code == 401, algorithm


def test_claims_are_written_where_the_application_reads_them(auth_as):
    paths = ClaimPaths(roles="https://orders.example.com/roles", permissions=("app", "rights"))
    client = TestClient(application(trusted(Preset.AUTH0, claims=paths)))
    identity = whoami(client, auth_as(roles=["clerk"], permissions=["p"], email="ann@example.com"))
    assert (identity["roles"], identity["permissions"], identity["email"]) == (["clerk"], ["p"], "ann@example.com")
    assert identity["claims"]["app"] == {"rights": ["p"]}


def test_rules_are_asserted_with_the_providers_tokens(assert_requires, auth_as):
    app = application(trusted(Preset.KEYCLOAK))
    assert_requires("/admin", role="admin", app=app)
    assert_requires("/orders", scope="orders:read", app=app)
    client = TestClient(app)
    assert client.get("/fresh", headers=auth_as()).status_code == 200
    assert client.get("/fresh", headers=auth_as(auth_time=1)).status_code == 401


def test_one_of_several_issuers_is_named(auth_as):
    first, second = trusted(Preset.KEYCLOAK), trusted(Preset.OKTA)
    service = {"auth_base_url": "https://auth.example.com", "expected_audience": "orders-api"}
    client = TestClient(application(first, second, **service))
    issuers = [whoami(client, auth_as(**given))["claims"]["iss"] for given in ({}, {"issuer": second.url})]
    assert issuers == ["https://auth.example.com", second.url]
    assert whoami(client, auth_as(issuer=first, roles=["admin"]))["roles"] == ["admin"]
    assert client.get("/whoami", headers=auth_as.revoked()).status_code == 401


def test_a_logout_of_the_provider_is_tried_out(auth_as, auth_issuer):
    client = TestClient(application(trusted(Preset.KEYCLOAK, logout=BackChannelLogout(client_id="shop-ui"))))
    headers, others = auth_as(), auth_as(sub="u-2")
    assert whoami(client, headers)
    for claims, status in (({}, 400), ({"aud": "shop-ui", "events": None}, 400), ({"aud": "shop-ui"}, 200)):
        form = {"logout_token": auth_issuer.logout_token(headers, **claims)}
        assert client.post("/backchannel-logout", data=form).status_code == status
    assert client.get("/whoami", headers=headers).status_code == 401
    assert whoami(client, others)
