"""The SDK before an API that a real Keycloak signs people in to: roles, keys that change, sign-outs, introspection."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from auth_service_sdk import BackChannelLogout, Introspection, JWTAuthMiddleware, OIDCIssuer
from tests.browser.conftest import served
from tools.keycloak.admin import Admin

pytestmark = pytest.mark.anyio

REALM, SECRET, PASSWORD = "sdk-judge", "known to this test alone", "a horse of a battery"
Ask = Callable[[str], Awaitable[httpx2.Response]]
AUDIENCE = {
    "name": "audience",
    "protocol": "openid-connect",
    "protocolMapper": "oidc-audience-mapper",
    "config": {"included.client.audience": "parcels-api", "access.token.claim": "true", "id.token.claim": "false"},
}


class API:
    """An API behind the SDK, at an address that Keycloak can reach."""

    def __init__(self, issuer: str, port: int, http: httpx2.AsyncClient, **options: Any) -> None:
        self.logout_url = f"http://localhost:{port}/oidc/logout"
        self._http = http
        trusted = OIDCIssuer(issuer, audience="parcels-api", preset="keycloak", **options)
        self.app = Starlette(routes=[Route("/", self._whoami)])
        self.app.add_middleware(JWTAuthMiddleware, issuer=trusted)

    async def _whoami(self, request: Any) -> JSONResponse:
        user = request.state.user
        return JSONResponse({"roles": user.roles, "email": user.email, "kind": user.kind, "sid": user.sid})

    async def ask(self, token: str) -> httpx2.Response:
        return await self._http.get("/", headers={"authorization": f"Bearer {token}"})

    async def refused(self, token: str) -> None:
        """Wait until a token is refused."""
        async with asyncio.timeout(60):
            while (await self.ask(token)).status_code != 401:
                await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def api(issuer: str, **options: Any) -> AsyncIterator[API]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        async with httpx2.AsyncClient(base_url=f"http://localhost:{port}") as http:
            made = API(issuer, port, http, **options)
            async with served(made.app, listener):
                yield made


@pytest.fixture
async def issuer(keycloak_admin: Admin) -> AsyncIterator[str]:
    """A realm with a person, roles, the API's client and one that signs people in."""
    service = {
        "clientId": "parcels-api",
        "secret": SECRET,
        "serviceAccountsEnabled": True,
        "standardFlowEnabled": False,
    }
    front = {"clientId": "parcels-ui", "secret": SECRET, "directAccessGrantsEnabled": True}
    clients = [client | {"protocolMappers": [AUDIENCE]} for client in (service, front)]
    definition = {"realm": REALM, "enabled": True, "sslRequired": "none", "clients": clients}
    yield await keycloak_admin.import_realm(definition)
    await keycloak_admin.remove_realm(REALM)


async def signed_in(admin: Admin, name: str) -> str:
    form = {"grant_type": "password", "username": name, "password": PASSWORD, "scope": "openid email"}
    return (await admin.tokens(REALM, "parcels-ui", client_secret=SECRET, **form))["access_token"]


async def test_an_api_behind_keycloak(issuer: str, keycloak_admin: Admin):
    admin = keycloak_admin
    rosa = await admin.make_user(REALM, "rosa", PASSWORD)
    await admin.make_role(REALM, "clerk")
    await admin.make_role(REALM, "refunder", client_id="parcels-api")
    await admin.give_role(REALM, rosa, "clerk")
    await admin.give_role(REALM, rosa, "refunder", client_id="parcels-api")
    logout = BackChannelLogout(path="/oidc/logout", client_id="parcels-ui")
    asked = Introspection(client_id="parcels-api", client_secret=SECRET, cache_seconds=60)
    async with api(issuer, logout=logout) as local, api(issuer, introspection=asked, logout=logout) as asking:
        attributes = {"backchannel.logout.url": local.logout_url, "backchannel.logout.session.required": "true"}
        await admin.change_client(REALM, "parcels-ui", attributes=attributes)
        token = await signed_in(admin, "rosa")
        for each in (local, asking):
            answer = await each.ask(token)
            assert answer.status_code == 200, answer.text
            told = answer.json()
            assert {"clerk", "refunder"} <= set(told["roles"])
            assert (told["email"], told["kind"]) == ("rosa@example.com", "user")
        form = {"grant_type": "client_credentials", "client_secret": SECRET}
        machine = (await admin.tokens(REALM, "parcels-api", **form))["access_token"]
        assert (await local.ask(machine)).json()["kind"] == "service"
        # Keycloak's other tokens open nothing.
        form = {"grant_type": "password", "username": "rosa", "password": PASSWORD, "scope": "openid"}
        others = await admin.tokens(REALM, "parcels-ui", client_secret=SECRET, **form)
        for name in ("id_token", "refresh_token"):
            assert (await local.ask(others[name])).status_code == 401, name
        # A key that it begins to sign by in mid-use is found; the tokens of the former one count on.
        await admin.rotate_keys(REALM)
        newer = await signed_in(admin, "rosa")
        assert newer.partition(".")[0] != token.partition(".")[0]
        assert [(await local.ask(each)).status_code for each in (newer, token)] == [200, 200]
        # It ends one session, and tells the client that has the URL.
        await admin.call("DELETE", f"/{REALM}/sessions/{told['sid']}")
        await local.refused(token)
        assert (await local.ask(newer)).status_code == 200
        # It ends all of them, and tells of one alone: without its name all that she had goes.
        attributes["backchannel.logout.session.required"] = "false"
        await admin.change_client(REALM, "parcels-ui", attributes=attributes)
        both = [newer, await signed_in(admin, "rosa")]
        assert (await local.ask(both[1])).status_code == 200
        await admin.sign_out(REALM, rosa)
        for each in both:
            await local.refused(each)
        assert (await local.ask(machine)).status_code == 200
        # Who signs in again is let in, from the next second on.
        async with asyncio.timeout(60):
            while (await local.ask(await signed_in(admin, "rosa"))).status_code != 200:
                await asyncio.sleep(0.2)
        # An answer of introspection is kept for a minute here; the logout, told to this one, ends it.
        attributes["backchannel.logout.url"] = asking.logout_url
        await admin.change_client(REALM, "parcels-ui", attributes=attributes)
        again = await signed_in(admin, "rosa")
        assert (await asking.ask(again)).status_code == 200
        await admin.sign_out(REALM, rosa)
        await asking.refused(again)


KEYS = {
    "PS256": ("rsa-generated", {"algorithm": ["PS256"]}),
    "ES384": ("ecdsa-generated", {"ecdsaEllipticCurveKey": ["P-384"]}),
    "EdDSA": ("eddsa-generated", {"eddsaEllipticCurveKey": ["Ed25519"]}),
}


async def test_keycloak_signs_by_other_algorithms(issuer: str, keycloak_admin: Admin):
    await keycloak_admin.make_user(REALM, "rosa", PASSWORD)
    for algorithm, (provider, kind) in KEYS.items():
        config = kind | {"priority": ["200"], "enabled": ["true"], "active": ["true"]}
        key = {"name": algorithm, "providerId": provider, "providerType": "org.keycloak.keys.KeyProvider"}
        await keycloak_admin.call("POST", f"/{REALM}/components", key | {"config": config})
        await keycloak_admin.change_realm(REALM, defaultSignatureAlgorithm=algorithm)
        token = await signed_in(keycloak_admin, "rosa")
        async with api(issuer) as local, api(issuer, algorithms=["RS256"]) as narrow:
            assert [(await each.ask(token)).status_code for each in (local, narrow)] == [200, 401], algorithm
