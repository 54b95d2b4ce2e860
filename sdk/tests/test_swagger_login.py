"""The docs page of an application signs in at a foreign issuer."""

import json
import re

import httpx2
import pytest
from fastapi import Depends, FastAPI

from auth_service_sdk import JWTAuthMiddleware, OIDCIssuer, require_role
from auth_service_sdk.swagger import SwaggerLogin

pytestmark = pytest.mark.anyio
TENANT = "aaaabbbb-0000-cccc-1111-dddd2222eeee"
KEYCLOAK = "https://id.example.com/realms/shop"


def trusted(url=KEYCLOAK, preset="keycloak", **options):
    return OIDCIssuer(url, **{"audience": "orders-api", "preset": preset} | options)


def application(login, issuer):
    app = FastAPI(dependencies=[Depends(login)], swagger_ui_init_oauth=login.init_oauth)

    @app.get("/admin", dependencies=[Depends(require_role("admin"))])
    async def admin():
        return {}

    app.add_middleware(JWTAuthMiddleware, issuer=issuer, public_paths=["/docs", "/docs/*", "/openapi.json"])
    return app


async def test_the_docs_page_signs_in_by_code_and_pkce_and_the_rules_stay():
    issuer = trusted()
    app = application(SwaggerLogin(issuer, client_id="orders-docs", scopes=["openid", "email"]), issuer)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://orders") as client:
        document = (await client.get("/openapi.json")).json()
        page = (await client.get("/docs")).text
        assert (await client.get("/docs/oauth2-redirect")).status_code == 200
        assert (await client.get("/admin")).status_code == 401
    flows = document["components"]["securitySchemes"]["sign-in"]["flows"]
    assert flows == {
        "authorizationCode": {
            "authorizationUrl": f"{KEYCLOAK}/protocol/openid-connect/auth",
            "tokenUrl": f"{KEYCLOAK}/protocol/openid-connect/token",
            "scopes": {"openid": "", "email": ""},
        }
    }
    assert {"sign-in": []} in document["paths"]["/admin"]["get"]["security"]
    given = json.loads(re.search(r"ui\.initOAuth\((.*?)\)\n", page).group(1))
    assert given == {
        "clientId": "orders-docs",
        "usePkceWithAuthorizationCodeGrant": True,
        "scopes": "openid email",
    }


ENDPOINTS = {
    "auth0": ("https://a.eu.auth0.com/", "https://a.eu.auth0.com/authorize", "https://a.eu.auth0.com/oauth/token"),
    "okta": (
        "https://a.okta.com/oauth2/default",
        "https://a.okta.com/oauth2/default/v1/authorize",
        "https://a.okta.com/oauth2/default/v1/token",
    ),
    "entra": (
        f"https://sts.windows.net/{TENANT}/",
        f"https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/authorize",
        f"https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token",
    ),
    "zitadel": (
        "https://a.zitadel.cloud",
        "https://a.zitadel.cloud/oauth/v2/authorize",
        "https://a.zitadel.cloud/oauth/v2/token",
    ),
    "authentik": (
        "https://id.example.com/application/o/orders/",
        "https://id.example.com/application/o/authorize/",
        "https://id.example.com/application/o/token/",
    ),
}


@pytest.mark.parametrize(("preset", "urls"), ENDPOINTS.items(), ids=ENDPOINTS)
def test_a_providers_endpoints_are_known(preset, urls):
    login = SwaggerLogin(trusted(urls[0], preset), client_id="docs")
    flow = login.model.flows.authorizationCode
    assert (flow.authorizationUrl, flow.tokenUrl) == urls[1:]
    extra = {"audience": "orders-api"} if preset == "auth0" else None
    assert login.init_oauth.get("additionalQueryStringParams") == extra


def test_another_providers_endpoints_are_given():
    urls = {"authorization_url": "https://a.example/authorize", "token_url": "https://a.example/token"}
    for preset in ("generic", "cognito"):
        flow = SwaggerLogin(trusted(preset=preset), client_id="docs", **urls).model.flows.authorizationCode
        assert (flow.authorizationUrl, flow.tokenUrl) == tuple(urls.values())
    hint = {"kc_idp_hint": "corp"}
    login = SwaggerLogin(trusted(), client_id="docs", scopes="openid", token_url=urls["token_url"], parameters=hint)
    assert login.init_oauth["additionalQueryStringParams"] == hint
    assert login.model.flows.authorizationCode.tokenUrl == urls["token_url"]


@pytest.mark.parametrize(
    ("preset", "options"),
    [
        ("google", {}),
        ("generic", {}),
        ("cognito", {"authorization_url": "https://a.example/authorize"}),
        ("keycloak", {"client_id": ""}),
        ("keycloak", {"scopes": ["a b"]}),
        ("keycloak", {"token_url": "http://a.example/token"}),
    ],
)
def test_arguments_that_cannot_work_are_refused_in_words(preset, options):
    with pytest.raises(ValueError, match=r"must|secret"):
        SwaggerLogin(trusted(preset=preset), **{"client_id": "docs"} | options)
