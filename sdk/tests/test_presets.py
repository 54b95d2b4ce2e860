"""What each provider's tokens become, in the shapes of the providers' own documentation."""

import time

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from auth_service_sdk import ClaimPaths, JWTAuthMiddleware, OIDCIssuer
from auth_service_sdk.errors import InvalidToken
from auth_service_sdk.foreign_tokens import check_foreign
from auth_service_sdk.presets import Preset, check_kind, to_identity
from auth_service_sdk.testing import Issuer


def without(claims, *names):
    return {name: value for name, value in claims.items() if name not in names}


TENANT = "aaaabbbb-0000-cccc-1111-dddd2222eeee"
AUTH0 = {
    "iss": "https://example.eu.auth0.com/",
    "sub": "auth0|123456",
    "aud": ["https://orders.example.com", "https://example.eu.auth0.com/userinfo"],
    "azp": "spa-1",
    "scope": "openid profile read:orders",
    "permissions": ["read:orders", "refund:orders"],
    "org_id": "org_9",
    "https://orders.example.com/roles": ["clerk"],
}
OKTA = {
    "ver": 1,
    "jti": "AT.x",
    "iss": "https://example.okta.com/oauth2/default",
    "aud": "api://default",
    "sub": "ann@corp.example",
    "cid": "0oa1",
    "uid": "00u1",
    "scp": ["openid", "orders:read"],
    "groups": ["Everyone", "Clerks"],
}
ENTRA_V1 = {
    "aud": "api://orders",
    "iss": f"https://sts.windows.net/{TENANT}/",
    "ver": "1.0",
    "appid": "app-1",
    "sub": "pairwise-1",
    "oid": "object-1",
    "tid": TENANT,
    "scp": "Orders.Read Orders.Write",
    "roles": ["Orders.Admin"],
    "amr": ["pwd", "mfa"],
    "email": "ann@corp.example",
}
ENTRA_V2 = {**ENTRA_V1, "iss": f"https://login.microsoftonline.com/{TENANT}/v2.0", "ver": "2.0", "azp": "app-1"}
ENTRA_V2.pop("appid")
KEYCLOAK = {
    "iss": "https://id.example.com/realms/shop",
    "aud": ["orders-api", "account"],
    "sub": "f7c1",
    "typ": "Bearer",
    "azp": "shop-ui",
    "sid": "s-1",
    "acr": "1",
    "realm_access": {"roles": ["offline_access", "clerk"]},
    "resource_access": {"orders-api": {"roles": ["refunder"]}, "billing-api": {"roles": ["admin"]}},
    "scope": "openid email profile",
    "email_verified": True,
    "email": "ann@example.com",
}
PROJECT = "2501"
ZITADEL = {
    "iss": "https://shop.zitadel.cloud",
    "sub": "170086824411201793",
    "aud": ["client@shop", PROJECT],
    "jti": "1",
    "client_id": "client@shop",
    f"urn:zitadel:iam:org:project:{PROJECT}:roles": {"clerk": {"17": "shop.example"}},
    "urn:zitadel:iam:org:project:roles": {"admin": {"17": "shop.example"}},
    "urn:zitadel:iam:user:resourceowner:id": "17",
}
COGNITO = {
    "sub": "aaaaaaaa-bbbb",
    "iss": "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Example",
    "client_id": "57cb",
    "token_use": "access",
    "cognito:groups": ["clerks"],
    "scope": "aws.cognito.signin.user.admin orders/read",
    "auth_time": 1676312777,
    "username": "ann",
}
GOOGLE = {
    "iss": "https://accounts.google.com",
    "azp": "1.apps.googleusercontent.com",
    "aud": "1.apps.googleusercontent.com",
    "sub": "1076915",
    "at_hash": "HK6E",
    "nonce": "n",
    "hd": "corp.example",
    "email": "ann@corp.example",
    "email_verified": True,
}
AUTHENTIK = {
    "iss": "https://id.example.com/application/o/orders/",
    "sub": "hashed",
    "aud": "client-1",
    "azp": "client-1",
    "uid": "x9",
    "nonce": "n",
    "groups": ["clerks"],
    "scope": "openid profile",
    "email": "ann@example.com",
    "email_verified": False,
}
GENERIC = {
    "iss": "https://id.example.com",
    "sub": "u-1",
    "aud": "orders-api",
    "client_id": "web",
    "scope": "orders:read",
    "roles": ["clerk"],
    "permissions": ["orders.list"],
    "act": {"sub": "admin-1"},
}
NAMESPACED = ClaimPaths(roles="https://orders.example.com/roles")
NESTED = ClaimPaths(roles=[("app", "roles"), "groups"], scopes="scp", permissions=("app", "rights"), client_id="cid")

TABLE = {
    "keycloak": (
        KEYCLOAK,
        {"preset": "keycloak", "audience": "orders-api"},
        {
            "roles": ("offline_access", "clerk", "refunder"),
            "scopes": ("openid", "email", "profile"),
            "client_id": "shop-ui",
            "email": "ann@example.com",
            "sid": "s-1",
            "acr": "1",
            "kind": "user",
        },
    ),
    "keycloak, roles of another client": (
        KEYCLOAK,
        {"preset": "keycloak", "audience": "orders-api", "client": ["billing-api"]},
        {"roles": ("offline_access", "clerk", "admin")},
    ),
    "keycloak, service account": (
        {**KEYCLOAK, "azp": "Batch", "client_id": "Batch", "preferred_username": "service-account-batch"},
        {"preset": "keycloak", "audience": "orders-api"},
        {"kind": "service", "client_id": "Batch"},
    ),
    "keycloak, a user named like one": (
        {**KEYCLOAK, "client_id": "batch", "preferred_username": "service-account-batch"},
        {"preset": "keycloak", "audience": "orders-api"},
        {"kind": "user"},
    ),
    "auth0": (
        AUTH0,
        {"preset": "auth0", "audience": "https://orders.example.com", "claims": NAMESPACED},
        {
            "roles": ("clerk",),
            "permissions": ("read:orders", "refund:orders"),
            "scopes": ("openid", "profile", "read:orders"),
            "client_id": "spa-1",
            "org_id": "org_9",
        },
    ),
    "auth0, machine": (
        {**AUTH0, "sub": "m1@clients", "azp": "m1", "gty": "client-credentials"},
        {"preset": "auth0", "audience": "https://orders.example.com"},
        {"kind": "service", "roles": ()},
    ),
    "okta": (
        OKTA,
        {"preset": "okta", "audience": "api://default"},
        {"roles": ("Everyone", "Clerks"), "scopes": ("openid", "orders:read"), "client_id": "0oa1", "kind": "user"},
    ),
    "okta, machine": (
        {**OKTA, "sub": "0oa1"},
        {"preset": "okta", "audience": "api://default"},
        {"kind": "service"},
    ),
    "cognito": (
        COGNITO,
        {"preset": "cognito", "audience": "57cb"},
        {
            "roles": ("clerks",),
            "scopes": ("aws.cognito.signin.user.admin", "orders/read"),
            "client_id": "57cb",
            "auth_time": 1676312777,
        },
    ),
    "entra v2": (
        ENTRA_V2,
        {"preset": "entra", "audience": "api://orders"},
        {
            "roles": ("Orders.Admin",),
            "scopes": ("Orders.Read", "Orders.Write"),
            "client_id": "app-1",
            "org_id": TENANT,
            "amr": ("pwd", "mfa"),
            "email": None,
        },
    ),
    "entra v1": (
        ENTRA_V1,
        {"preset": "entra", "audience": "api://orders", "url": ENTRA_V2["iss"]},
        {"client_id": "app-1", "kind": "user"},
    ),
    "entra, application": (
        {**ENTRA_V2, "idtyp": "app"},
        {"preset": "entra", "audience": "api://orders"},
        {"kind": "service"},
    ),
    "google": (
        GOOGLE,
        {"preset": "google", "audience": "1.apps.googleusercontent.com"},
        {"email": "ann@corp.example", "org_id": "corp.example", "roles": (), "scopes": (), "kind": "user"},
    ),
    "google, the other spelling": (
        {**GOOGLE, "iss": "accounts.google.com"},
        {"preset": "google", "audience": "1.apps.googleusercontent.com", "url": "https://accounts.google.com"},
        {"sub": "1076915"},
    ),
    "zitadel": (
        ZITADEL,
        {"preset": "zitadel", "audience": PROJECT},
        {"roles": ("clerk",), "client_id": "client@shop", "org_id": "17"},
    ),
    "authentik": (
        AUTHENTIK,
        {"preset": "authentik", "audience": "client-1"},
        {"roles": ("clerks",), "scopes": ("openid", "profile"), "client_id": "client-1", "email": None},
    ),
    "generic": (
        GENERIC,
        {"audience": "orders-api"},
        {
            "roles": ("clerk",),
            "permissions": ("orders.list",),
            "scopes": ("orders:read",),
            "client_id": "web",
            "actor": "admin-1",
            "email": None,
        },
    ),
    "generic, paths": (
        {**GENERIC, "app": {"roles": ["a"], "rights": ["r"]}, "groups": ["b", "a"], "scp": ["s"], "cid": "c"},
        {"audience": "orders-api", "claims": NESTED},
        {"roles": ("a", "b"), "permissions": ("r",), "scopes": ("s",), "client_id": "c"},
    ),
    "generic, nothing there": (
        {"iss": "https://id.example.com", "sub": "c", "client_id": "c", "aud": "orders-api"},
        {"audience": "orders-api"},
        {"roles": (), "permissions": (), "scopes": (), "kind": "service", "sid": None},
    ),
}


def read(claims, options):
    url = options.get("url", claims["iss"])
    issuer = OIDCIssuer(url, **{name: value for name, value in options.items() if name != "url"})
    check_foreign(claims, issuer)
    check_kind(claims, issuer.profile)
    return to_identity(claims, issuer.profile, issuer.paths, issuer.clients)


@pytest.mark.parametrize(("claims", "options", "expected"), TABLE.values(), ids=TABLE)
def test_a_providers_token_becomes_an_identity(claims, options, expected):
    identity = read(claims, options)
    assert {name: getattr(identity, name) for name in expected} == expected
    assert identity.sub == claims["sub"]


def test_the_table_knows_every_preset():
    assert {options.get("preset", "generic") for _, options, _ in TABLE.values()} == set(Preset)


# The headers that the same sources show.
PLAIN, TYPED = {"typ": None}, {"typ": "JWT"}
REAL = {
    "keycloak": (KEYCLOAK, TYPED),
    "keycloak, with the header of RFC 9068": (KEYCLOAK, {"typ": "at+jwt"}),
    "keycloak, before version 24": (KEYCLOAK | {"nonce": "n", "session_state": "s-1"}, TYPED),
    "auth0": (AUTH0, TYPED),
    "auth0, profile of RFC 9068": (without(AUTH0, "azp") | {"client_id": "spa-1", "jti": "73Wa"}, {"typ": "at+jwt"}),
    "okta": (OKTA | {"auth_time": 1_688_145_909}, PLAIN),
    "cognito": (
        COGNITO | {"version": 2, "origin_jti": "o", "event_id": "e", "jti": "j", "device_key": "d"},
        PLAIN,
    ),
    "entra, version 1": (
        ENTRA_V1 | {"appidacr": "0", "aio": "x", "rh": "y", "uti": "z", "unique_name": "ann", "ipaddr": "192.0.2.1"},
        TYPED | {"x5t": "abc"},
    ),
    "entra, version 2": (ENTRA_V2 | {"azpacr": "0", "aio": "x", "rh": "y", "uti": "z", "name": "Ann"}, TYPED),
    "entra, an application": (
        without(ENTRA_V2, "scp", "email", "amr") | {"sub": "object-1", "azpacr": "1", "idtyp": "app"},
        TYPED,
    ),
    "google": (GOOGLE | {"name": "Ann", "picture": "https://example.com/a.png", "locale": "en"}, TYPED),
    "zitadel": (ZITADEL | {"nbf": 1_700_000_000}, PLAIN),
    "zitadel, typed": (ZITADEL, TYPED),
    "authentik": (
        without(AUTHENTIK, "scope") | {"sid": "h", "amr": ["pwd"], "acr": "goauthentik.io/providers/oauth2/default"},
        TYPED,
    ),
}


@pytest.mark.parametrize(("claims", "header"), REAL.values(), ids=REAL)
def test_a_token_as_its_provider_signs_it_opens_a_guarded_route_and_its_id_token_does_not(claims, header, request):
    preset = request.node.callspec.id.partition(",")[0]
    audience = {"keycloak": "orders-api", "auth0": "https://orders.example.com", "okta": "api://default"}
    audience |= {"cognito": "57cb", "entra": "api://orders", "zitadel": PROJECT, "authentik": "client-1"}
    url = ENTRA_V2["iss"] if preset == "entra" else claims["iss"]
    app = Starlette(routes=[Route("/", lambda request: JSONResponse(request.state.user.sub))])
    trusted = OIDCIssuer(url, preset=preset, audience=audience.get(preset, GOOGLE["aud"]))
    app.add_middleware(JWTAuthMiddleware, issuer=trusted)
    now = int(time.time())
    with Issuer() as provider:
        token = provider.sign(claims | {"iat": now, "exp": now + 300}, **header)
        answer = TestClient(app).get("/", headers={"authorization": f"Bearer {token}"})
        assert (answer.status_code, answer.json()) == (200, claims["sub"])
        marks = ("scope", "scp", "azp", "appid", "cid", "uid", "client_id", "permissions", "jti", "typ", "token_use")
        id_token = without(claims, *marks) | {"aud": trusted.audience[0], "nonce": "n", "token_use": "id", "typ": "ID"}
        token = provider.sign(id_token | {"iat": now, "exp": now + 300}, **PLAIN | {"typ": "JWT"})
        answer = TestClient(app).get("/", headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == (200 if preset == "google" else 401)


REFUSED = {
    "keycloak id token": (KEYCLOAK | {"typ": "ID"}, "keycloak"),
    "keycloak refresh token": (KEYCLOAK | {"typ": "Refresh"}, "keycloak"),
    "keycloak without typ": (without(KEYCLOAK, "typ"), "keycloak"),
    "keycloak with at_hash": (KEYCLOAK | {"at_hash": "x"}, "keycloak"),
    "keycloak roles as text": (KEYCLOAK | {"realm_access": "clerk"}, "keycloak"),
    "keycloak roles as numbers": (KEYCLOAK | {"realm_access": {"roles": [1]}}, "keycloak"),
    "auth0 id token": (without(AUTH0, "scope", "permissions", "azp"), "auth0"),
    "auth0 with nonce": (AUTH0 | {"nonce": "n"}, "auth0"),
    "okta id token": (without(OKTA, "cid"), "okta"),
    "cognito id token": (COGNITO | {"token_use": "id"}, "cognito"),
    "cognito of another client": (COGNITO | {"client_id": "other"}, "cognito"),
    "cognito with our name as aud only": (without(COGNITO, "client_id") | {"aud": "57cb"}, "cognito"),
    "entra id token": (without(ENTRA_V2, "azp"), "entra"),
    "entra of another tenant": (ENTRA_V2 | {"tid": TENANT.replace("a", "b")}, "entra"),
    "zitadel without jti": (without(ZITADEL, "jti"), "zitadel"),
    "authentik id token": (without(AUTHENTIK, "uid"), "authentik"),
    "generic id token": (without(GENERIC, "scope", "client_id"), "generic"),
    "generic id token with hash": (GENERIC | {"at_hash": "x"}, "generic"),
    "generic logout token": (GENERIC | {"events": {}}, "generic"),
    "generic bound token": (GENERIC | {"cnf": {"jkt": "x"}}, "generic"),
    "generic without subject": (GENERIC | {"sub": ""}, "generic"),
    "generic scope as number": (GENERIC | {"scope": 5}, "generic"),
    "generic client as list": (GENERIC | {"client_id": ["a"]}, "generic"),
}


@pytest.mark.parametrize(("claims", "preset"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_access_token_for_us_is_refused(claims, preset):
    audience = {"keycloak": "orders-api", "auth0": "https://orders.example.com", "okta": "api://default"}
    audience |= {"cognito": "57cb", "entra": "api://orders", "zitadel": PROJECT, "authentik": "client-1"}
    with pytest.raises(InvalidToken):
        read(claims, {"preset": preset, "audience": audience.get(preset, "orders-api")})


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("http://id.example.com", {}),
        ("https://user@id.example.com", {}),
        ("https://id.example.com?x=1", {}),
        ("https://id.example.com#x", {}),
        ("id.example.com", {}),
        ("https://id.example.com", {"audience": ""}),
        ("https://id.example.com", {"audience": []}),
        ("https://id.example.com", {"preset": "facebook"}),
        ("https://id.example.com", {"algorithms": ["HS256"]}),
        ("https://id.example.com", {"algorithms": ["none"]}),
        ("https://id.example.com", {"algorithms": []}),
        ("https://id.example.com", {"jwks_uri": "http://id.example.com/keys"}),
        ("https://login.microsoftonline.com/common/v2.0", {"preset": "entra"}),
        ("https://login.microsoftonline.com/organizations/v2.0", {"preset": "entra"}),
    ],
    ids=repr,
)
def test_an_issuer_that_cannot_be_trusted_is_refused_in_words(url, options):
    with pytest.raises(ValueError, match=r"must|names one tenant"):
        OIDCIssuer(url, **{"audience": "orders-api"} | options)
