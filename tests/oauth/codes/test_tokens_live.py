"""What tokens of a code open: UserInfo, introspection, and giving them back."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from app.audiences.definition import AudienceDefinition
from app.audit.event import SYSTEM
from app.clients.service import NewCredentials
from app.protocols.oauth.registration import AuthMethod
from app.protocols.oidc.discovery import AUTHORIZATION_SERVER, ENDPOINTS, OPENID_CONFIGURATION
from app.wiring import Services
from tests.oauth.codes.conftest import CALLBACK, IssueCode, Redeem, SignIn, refresh
from tests.oauth.conftest import ORIGIN, Machine, MakeClient, refused
from tests.support import ISSUER, Events, bearer, claims_of

pytestmark = pytest.mark.anyio

USERINFO = "/oauth/userinfo"
INTROSPECT = "/oauth/introspect"
REVOKE = "/oauth/revoke"


def basic(client: NewCredentials) -> tuple[str, str]:
    return client.client_id, client.raw_secret or ""


@pytest.mark.spec("OpenID Connect Core §5.3")
async def test_userinfo_tells_what_the_scopes_open(
    at_browser: SignIn, web_app: NewCredentials, issue_code: IssueCode, redeem: Redeem, api: httpx2.AsyncClient
) -> None:
    person = await at_browser(name="Ann Lee")
    told = {}
    for scope in ("openid", "openid profile", "openid email", "openid groups roles"):
        code = await issue_code(person, web_app.client_id, scope=tuple(scope.split()))
        tokens = (await redeem(code, web_app)).json()
        for answer in (
            await api.get(USERINFO, headers=bearer(tokens)),
            await api.post(USERINFO, headers=bearer(tokens)),
            await api.post(USERINFO, data={"access_token": tokens["access_token"]}),
        ):
            assert answer.status_code == 200, answer.text
            assert answer.headers["cache-control"] == "no-store"
            assert answer.json()["sub"] == person.sub
            told[scope] = answer.json()
    assert told["openid"] == {"sub": person.sub}
    assert told["openid profile"].keys() == {"sub", "name", "locale", "updated_at"}
    assert told["openid profile"]["name"] == "Ann Lee"
    assert told["openid email"] == {"sub": person.sub, "email": "ann@example.com", "email_verified": False}
    assert told["openid groups roles"] == {"sub": person.sub, "groups": [], "roles": []}


async def test_who_asks_at_one_moment_is_told_of_their_own_token_and_no_other(
    at_browser: SignIn,
    web_app: NewCredentials,
    issue_code: IssueCode,
    redeem: Redeem,
    api: httpx2.AsyncClient,
    make_client: MakeClient,
    services: Services,
) -> None:
    service = await make_client(
        name="orders", audience="orders-api", scopes=("introspection",), grant_types=(), targets={}
    )
    people = [await at_browser(f"guest{number}@example.com") for number in range(4)]
    tokens = [(await redeem(await issue_code(person, web_app.client_id), web_app)).json() for person in people]
    async with services.db.transaction() as tx:
        await services.sessions.end(
            tx, people[2].session.sid, subject=people[2].sub, reason="test", actor=SYSTEM, origin=ORIGIN
        )

    async def introspected(credential: str) -> httpx2.Response:
        return await api.post(INTROSPECT, data={"token": credential}, auth=basic(service))

    told = await asyncio.gather(*(api.get(USERINFO, headers=bearer(one)) for one in tokens * 3))
    assert [answer.json().get("sub") for answer in told] == [people[0].sub, people[1].sub, None, people[3].sub] * 3
    assert [answer.status_code for answer in told] == [200, 200, 401, 200] * 3
    # The first request reads the client; all others confirm it with the token.
    assert (await introspected(tokens[0]["access_token"])).json()["active"] is True
    live = await asyncio.gather(*(introspected(one["access_token"]) for one in tokens * 3))
    assert [answer.json().get("sub") for answer in live] == [people[0].sub, people[1].sub, None, people[3].sub] * 3


@pytest.mark.attack("OIP-06")
@pytest.mark.spec("RFC 6750 §2")
async def test_userinfo_refuses_every_other_token(
    at_browser: SignIn,
    web_app: NewCredentials,
    issue_code: IssueCode,
    redeem: Redeem,
    api: httpx2.AsyncClient,
    make_client: MakeClient,
    machine: Machine,
    services: Services,
) -> None:
    person = await at_browser()
    good = (await redeem(await issue_code(person, web_app.client_id), web_app)).json()
    token = good["access_token"]
    in_address = await api.get(USERINFO, params={"access_token": token})
    assert refused(in_address, 400, "invalid_request")
    both = await api.post(USERINFO, headers=bearer(good), data={"access_token": token})
    assert refused(both, 400, "invalid_request")
    bare = (await redeem(await issue_code(person, web_app.client_id, scope=("orders:read",)), web_app)).json()
    assert "id_token" not in bare
    own = {"access_token": await machine.token(await make_client())}
    for tokens in (bare, own):
        answer = await api.get(USERINFO, headers=bearer(tokens))
        assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_scope"), answer.text
        assert 'scope="openid"' in answer.headers["www-authenticate"]
    nothing = await api.get(USERINFO)
    assert (nothing.status_code, nothing.headers["www-authenticate"]) == (401, "Bearer")
    for bad in (good["id_token"], "garbage", token[:-4] + "AAAA"):
        answer = await api.get(USERINFO, headers={"Authorization": f"Bearer {bad}"})
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token"), answer.text
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]


@pytest.mark.attack("REF-06")
async def test_a_token_given_back_is_dead_at_once(
    at_browser: SignIn,
    web_app: NewCredentials,
    issue_code: IssueCode,
    redeem: Redeem,
    api: httpx2.AsyncClient,
    make_client: MakeClient,
    machine: Machine,
    events: Events,
) -> None:
    service = await make_client(
        name="orders", audience="orders-api", scopes=("introspection",), grant_types=(), targets={}
    )

    async def active(token: str, asking: NewCredentials = service) -> bool:
        answer = await api.post(INTROSPECT, data={"token": token}, auth=basic(asking))
        assert answer.status_code == 200, answer.text
        return bool(answer.json()["active"])

    person = await at_browser()
    tokens = (await redeem(await issue_code(person, web_app.client_id), web_app)).json()
    access, refresh = tokens["access_token"], tokens["refresh_token"]
    assert await active(access)
    assert await active(refresh, web_app)
    answer = await api.post(REVOKE, data={"token": access}, auth=basic(web_app))
    assert (answer.status_code, answer.content) == (200, b"")
    assert not await active(access)
    assert (await api.get(USERINFO, headers=bearer(tokens))).status_code == 401
    assert (await api.get("/auth/validate", headers=bearer(tokens))).status_code == 401
    # The refresh token is another matter.
    assert await active(refresh, web_app)
    renewed = (
        await api.post(
            "/oauth/token", data={"grant_type": "refresh_token", "refresh_token": refresh}, auth=basic(web_app)
        )
    ).json()
    assert await active(renewed["access_token"])
    assert (await api.post(REVOKE, data={"token": renewed["refresh_token"]}, auth=basic(web_app))).status_code == 200
    assert not await active(renewed["access_token"])
    assert not await active(renewed["refresh_token"], web_app)
    own_client = await make_client()
    own = await machine.token(own_client)
    assert await active(own)
    assert (await api.post(REVOKE, data={"token": own}, auth=basic(own_client))).status_code == 200
    assert not await active(own)
    assert len(await events.of("token.revoked")) == 2
    assert [entry["details"]["reason"] for entry in await events.of("grant.revoked")] == ["revoked_by_client"]


@pytest.mark.attack("REF-07")
@pytest.mark.spec("RFC 7009 §2.1")
async def test_nobody_ends_anothers_token(
    at_browser: SignIn,
    web_app: NewCredentials,
    issue_code: IssueCode,
    redeem: Redeem,
    api: httpx2.AsyncClient,
    make_client: MakeClient,
    machine: Machine,
    events: Events,
) -> None:
    person, other = await at_browser(), await make_client()
    tokens = (await redeem(await issue_code(person, web_app.client_id), web_app)).json()
    own = await machine.token(await make_client())
    for token in (tokens["access_token"], tokens["refresh_token"], own):
        refused(await api.post(REVOKE, data={"token": token}, auth=basic(other)), 400, "invalid_grant")
        nobody = await api.post(REVOKE, data={"token": token})
        refused(nobody, 401, "invalid_client")
        wrong = await api.post(REVOKE, data={"token": token}, auth=(web_app.client_id, "wrong"))
        refused(wrong, 401, "invalid_client")
    assert (await api.get("/auth/validate", headers=bearer(tokens))).status_code == 200
    assert len(await events.of("token.revocation_refused")) == 3
    refused(await api.post(REVOKE, data={"token": ""}, auth=basic(other)), 400, "invalid_request")
    # What is unknown, over, or no token at all needs no ending. RFC 7009 §2.2.
    for token in ("garbage", "rt_" + "0" * 32 + "_" + "A" * 43, tokens["id_token"], "x" * 60_000):
        assert (await api.post(REVOKE, data={"token": token}, auth=basic(other))).status_code == 200


@pytest.mark.attack("REF-08")
@pytest.mark.attack("REF-09")
@pytest.mark.spec("RFC 7662 §2")
async def test_introspection_tells_who_may_know_and_nobody_else(
    at_browser: SignIn,
    web_app: NewCredentials,
    issue_code: IssueCode,
    redeem: Redeem,
    api: httpx2.AsyncClient,
    make_client: MakeClient,
    services: Services,
) -> None:
    scopes = ("introspection",)
    orders = await make_client(name="orders", grant_types=(), targets={}, audience="orders-api", scopes=scopes)
    billing = await make_client(name="billing", grant_types=(), targets={}, audience="billing-api", scopes=scopes)
    public = await make_client(
        grant_types=("authorization_code",), redirect_uris=(CALLBACK,), auth_method=AuthMethod.NONE
    )
    person = await at_browser()
    tokens = (await redeem(await issue_code(person, web_app.client_id), web_app)).json()

    async def told(token: str, client: NewCredentials) -> dict[str, Any]:
        answer = await api.post(INTROSPECT, data={"token": token}, auth=basic(client))
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-control"] == "no-store"
        return answer.json()

    claims = claims_of(tokens["access_token"])
    for client in (orders, web_app):
        assert await told(tokens["access_token"], client) == {"active": True, "token_type": "Bearer", **claims}
    of_refresh = await told(tokens["refresh_token"], web_app)
    assert of_refresh["active"]
    assert of_refresh["token_type"] == "refresh_token"
    assert of_refresh["exp"] - of_refresh["iat"] > 80_000
    for name in ("iss", "sub", "aud", "client_id", "scope", "sid", "grant_id"):
        assert of_refresh[name] == claims[name], name
    inactive = {"active": False}
    stranger = await make_client()
    for client in (billing, stranger):
        assert await told(tokens["access_token"], client) == inactive
    # What a service takes for a bearer's right is never a refresh token, for whomever it asks.
    for client in (orders, billing, stranger):
        assert await told(tokens["refresh_token"], client) == inactive
    garbage = ("garbage", "x" * 60_000, "\u00e9\u20ac", "a.b.c", "rt_" + "0" * 32 + "_" + "A" * 43, tokens["id_token"])
    for token in garbage:
        assert await told(token, orders) == inactive
    assert (await api.post(INTROSPECT, data={"token": "x" * 1_000_000}, auth=basic(orders))).status_code == 413
    for auth, headers in (
        (None, {}),
        ((orders.client_id, "wrong"), {}),
        (None, bearer(tokens)),
        (None, {"Authorization": "Basic !"}),
    ):
        answer = await api.post(INTROSPECT, data={"token": tokens["access_token"]}, auth=auth, headers=headers)
        refused(answer, 401, "invalid_client")
        assert "active" not in answer.text
    by_name = await api.post(INTROSPECT, data={"token": tokens["access_token"], "client_id": public.client_id})
    refused(by_name, 401, "invalid_client")
    refused(await api.post(INTROSPECT, data={"token": ""}, auth=basic(orders)), 400, "invalid_request")
    await refresh(api, web_app, tokens)
    assert await told(tokens["refresh_token"], web_app) == inactive
    services.clock.measured_offset += timedelta(seconds=631)
    assert await told(tokens["access_token"], orders) == inactive
    answer = await api.get(USERINFO, headers=bearer(tokens))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")


async def test_a_service_is_told_of_tokens_by_each_of_its_resources(
    at_browser: SignIn,
    services: Services,
    make_client: MakeClient,
    machine: Machine,
    issue_code: IssueCode,
    redeem: Redeem,
    api: httpx2.AsyncClient,
) -> None:
    uri = "https://stock.example"
    definition = AudienceDefinition(name="stock-api", resources=(uri,), scopes={"stock:read": None})
    await services.audience_registration.create(definition, actor=SYSTEM, origin=ORIGIN)
    stock = await make_client(name="stock", grant_types=(), targets={}, audience="stock-api", scopes=("introspection",))
    own = await machine.token(await make_client(targets={"stock-api": None}), resource=uri)
    app = await make_client(targets={"stock-api": None}, grant_types=("authorization_code",), redirect_uris=(CALLBACK,))
    client = await services.oauth.directory.read(app.client_id)
    assert client is not None
    view = await services.codes.targets.of(client, resources=[uri])
    code = await issue_code(await at_browser(), app.client_id, audience=view, scope=("stock:read",))
    users = (await redeem(code, app)).json()["access_token"]
    for path in (INTROSPECT, "/auth/introspect"):
        for token in (own, users):
            answer = (await api.post(path, data={"token": token}, auth=basic(stock))).json()
            assert (answer["active"], answer["aud"]) == (True, uri), (path, answer)


@pytest.mark.attack("KEY-07")
@pytest.mark.spec("RFC 8414 §3")
@pytest.mark.spec("OpenID Connect Discovery §4")
async def test_discovery_says_what_is_so_whoever_asks(api: httpx2.AsyncClient) -> None:
    forged = {
        "Host": "evil.example",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
        "Forwarded": "host=evil.example;proto=https",
    }
    documents = []
    for path in (OPENID_CONFIGURATION, AUTHORIZATION_SERVER):
        for headers in ({}, forged):
            answer = await api.get(path, headers=headers)
            assert answer.status_code == 200
            assert "evil" not in answer.text
            documents.append(answer.json())
    assert all(document == documents[0] for document in documents)
    document = documents[0]
    assert document["issuer"] == ISSUER
    for member, path in ENDPOINTS.items():
        assert document[member] == ISSUER + path
    assert {member for member in document if member.endswith(("_endpoint", "_uri"))} == set(ENDPOINTS)
    for path in ENDPOINTS.values():
        assert (await api.get(path)).status_code != 404, path
    for grant in document["grant_types_supported"]:
        answer = await api.post("/oauth/token", data={"grant_type": grant})
        assert answer.json()["error"] == "invalid_client", grant
    for grant in ("password", "implicit", "urn:ietf:params:oauth:grant-type:device_code"):
        answer = await api.post("/oauth/token", data={"grant_type": grant})
        assert answer.json()["error"] == "unsupported_grant_type", grant
