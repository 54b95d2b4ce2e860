"""Access tokens and API keys on one application, in either order."""

import httpx2
import pytest
from fastapi import FastAPI, Request
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from auth_service_sdk import APIKeyAuthMiddleware, JWTAuthMiddleware
from auth_service_sdk.route_table import table
from auth_service_sdk.testing import BAD_KEYS, BAD_TOKENS

pytestmark = pytest.mark.anyio

OPTIONS = {"auth_base_url": "https://auth.example.com", "expected_audience": "orders-api"}


def build(nearest, outer, *, nearest_public=(), outer_public=()):
    app = FastAPI()

    @app.get("/open")
    async def route(request: Request):
        user = request.state.user
        return {"kind": user and user.kind}

    @app.websocket("/ws")
    async def ws(websocket: WebSocket):
        await websocket.accept()
        await websocket.send_text(websocket.state.user.kind)
        await websocket.close()

    app.add_middleware(nearest, public_paths=nearest_public, **OPTIONS)
    app.add_middleware(outer, public_paths=outer_public, **OPTIONS)
    return app


ORDERS = [(JWTAuthMiddleware, APIKeyAuthMiddleware), (APIKeyAuthMiddleware, JWTAuthMiddleware)]


@pytest.fixture(params=ORDERS, ids=["token nearest", "key nearest"])
def guards(request):
    return request.param


async def get(app, headers):
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        return await client.get("/open", headers=headers)


async def test_either_credential_opens(guards, auth_as, key_as):
    app = build(*guards)
    for _ in range(2):
        assert (await get(app, auth_as())).json() == {"kind": "user"}
        assert (await get(app, key_as())).json() == {"kind": "api_key"}


async def test_the_nearest_refuses_what_has_neither(guards):
    answer = await get(build(*guards), {})
    is_token = guards[0] is JWTAuthMiddleware
    assert (answer.status_code, answer.json()["code"]) == (401, "missing_token" if is_token else "missing_api_key")
    assert answer.headers["www-authenticate"].startswith("Bearer" if is_token else "ApiKey")


async def test_both_at_once_are_refused_in_every_state_of_memory(guards, auth_as, key_as):
    app = build(*guards)
    token, key = auth_as(), key_as()
    for warm in ({}, token, key):
        if warm:
            assert (await get(app, warm)).status_code == 200
        answer = await get(app, token | key)
        assert (answer.status_code, answer.json()["code"]) == (400, "ambiguous_credentials")


@pytest.mark.parametrize("bad", BAD_KEYS)
async def test_a_bad_key_is_refused_with_and_without_a_good_token(guards, auth_as, key_as, bad):
    app = build(*guards)
    headers = getattr(key_as, bad)()
    assert (await get(app, headers)).status_code == 401
    assert (await get(app, headers | auth_as())).status_code in (400, 401)


@pytest.mark.parametrize("bad", BAD_TOKENS)
async def test_a_bad_token_is_refused_with_and_without_a_good_key(guards, auth_as, key_as, bad):
    app = build(*guards)
    headers = getattr(auth_as, bad)()
    assert (await get(app, headers)).status_code == 401
    assert (await get(app, headers | key_as())).status_code in (400, 401)


async def test_what_the_nearest_calls_public_is_public_and_the_table_says_so(guards, auth_as):
    app = build(*guards, nearest_public=["/open"])
    assert (await get(app, {})).json() == {"kind": None}
    (row,) = [row for row in table(app) if row.path == "/open"]
    assert row.is_public
    assert len(row.guards) == 2
    assert (await get(app, auth_as())).json() == {"kind": "user"}


async def test_what_only_the_outer_one_calls_public_is_closed_and_the_table_says_so(guards, auth_as):
    app = build(*guards, outer_public=["/open"])
    assert (await get(app, {})).status_code == 401
    assert not [row for row in table(app) if row.is_public]
    assert (await get(app, auth_as())).json() == {"kind": "user"}


def test_a_websocket_takes_either(guards, auth_as, key_as):
    app = build(*guards)
    client = TestClient(app)
    for headers, kind in ((auth_as(), "user"), (key_as(), "api_key")):
        with client.websocket_connect("/ws", headers=headers) as socket:
            assert socket.receive_text() == kind


async def test_behind_a_middleware_that_hides_what_it_wraps_the_outer_guard_refuses(auth_as, key_as):
    app = build(JWTAuthMiddleware, JWTAuthMiddleware)

    async def hiding(scope, receive, send):
        await app(scope, receive, send)

    outer = APIKeyAuthMiddleware(hiding, **OPTIONS)
    assert (await get(outer, auth_as(app=app))).status_code == 401
    assert (await get(outer, {})).status_code == 401


async def test_a_guard_of_the_same_kind_further_in_asks_for_its_own_audience(auth_as):
    inner = build(JWTAuthMiddleware, JWTAuthMiddleware)
    outer = FastAPI()
    outer.mount("/inner", inner)
    outer.add_middleware(JWTAuthMiddleware, auth_base_url=OPTIONS["auth_base_url"], expected_audience="gateway")
    transport = httpx2.ASGITransport(app=outer)
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        both = auth_as(audience=["gateway", "orders-api"], issuer=OPTIONS["auth_base_url"])
        one = auth_as(audience="gateway", issuer=OPTIONS["auth_base_url"])
        assert (await client.get("/inner/open", headers=both)).status_code == 200
        assert (await client.get("/inner/open", headers=one)).status_code == 401
