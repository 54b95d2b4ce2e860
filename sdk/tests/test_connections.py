"""Preflights, WebSocket handshakes and the lifespan."""

from contextlib import asynccontextmanager

import pytest
from fastapi import FastAPI, WebSocket
from fastapi.middleware.cors import CORSMiddleware
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from auth_service_sdk import JWTAuthMiddleware, require_role

pytestmark = pytest.mark.anyio
PREFLIGHT = {"origin": "https://shop.example", "access-control-request-method": "POST"}


async def nothing():
    return {}


def bearer(token):
    return {"authorization": f"Bearer {token}"}


@pytest.mark.attack("SDK-05")
@pytest.mark.parametrize("cors_is", ["outside", "inside"])
async def test_preflight_passes_and_refusals_can_be_read_in_either_order(issuer, guard, cors_is):
    app = FastAPI()
    app.get("/open")(nothing)

    def add_cors():
        app.add_middleware(
            CORSMiddleware,
            allow_origins=["https://shop.example"],
            allow_methods=["POST"],
            allow_headers=["authorization"],
            expose_headers=["x-trace-id"],
        )

    if cors_is == "inside":
        add_cors()
    api = guard(app)
    if cors_is == "outside":
        add_cors()
    preflight = await api.options("/open", headers=PREFLIGHT)
    assert preflight.status_code == 200
    for origin, allowed in (("https://shop.example", "https://shop.example"), ("https://evil.example", None)):
        refusal = await api.get("/open", headers={"origin": origin})
        assert refusal.status_code == 401
        assert refusal.headers.get("access-control-allow-origin") == allowed
        assert refusal.json()["code"] == "missing_token"
        served = await api.get("/open", headers={"origin": origin} | bearer(issuer.mint()))
        assert served.headers.get("access-control-allow-origin") == allowed


@pytest.mark.attack("SDK-05")
async def test_websocket_is_refused_before_it_is_accepted(issuer, api):
    with TestClient(api.app) as client:
        for headers in ({}, bearer("rubbish"), bearer(issuer.mint(aud="billing-api"))):
            with (
                pytest.raises(WebSocketDisconnect) as refusal,
                client.websocket_connect("/ws", headers=headers),
            ):
                pass
            assert refusal.value.status_code == 401
            assert refusal.value.headers["www-authenticate"].startswith("Bearer realm=")
        with (
            pytest.raises(WebSocketDisconnect) as refusal,
            client.websocket_connect("/ws", headers=bearer(issuer.mint(roles=[]))),
        ):
            pass
        assert (refusal.value.status_code, refusal.value.json()["code"]) == (403, "insufficient_role")
        assert api.app.state.reached == []
        with client.websocket_connect("/ws", headers=bearer(issuer.mint(sub="u-1"))) as websocket:
            assert websocket.receive_text() == "u-1"


@pytest.mark.attack("SDK-05")
async def test_websocket_of_a_server_without_denial_responses_is_closed(api):
    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "websocket", "path": "/ws", "headers": [], "client": None, "server": None}
    await api.app(scope, None, send)
    assert sent == [{"type": "websocket.close", "code": 1008, "reason": "missing_token"}]


async def test_refusal_after_a_websocket_was_accepted_closes_it(issuer):

    app = FastAPI()

    @app.websocket("/ws")
    async def late(websocket: WebSocket):
        await websocket.accept()
        await require_role("admin")(websocket)

    app.add_middleware(JWTAuthMiddleware, auth_base_url=issuer.url, expected_audience="orders-api")
    with (
        TestClient(app) as client,
        client.websocket_connect("/ws", headers=bearer(issuer.mint())) as websocket,
        pytest.raises(WebSocketDisconnect) as closed,
    ):
        websocket.receive_text()
    assert (closed.value.code, closed.value.reason) == (1008, "insufficient_role")


@pytest.mark.attack("SDK-05")
async def test_lifespan_passes_untouched(issuer):
    seen = []

    @asynccontextmanager
    async def lifespan(_app):
        seen.append("start")
        yield {"answer": 42}
        seen.append("stop")

    app = FastAPI(lifespan=lifespan)
    app.add_middleware(JWTAuthMiddleware, auth_base_url=issuer.url, expected_audience="orders-api")
    with TestClient(app) as client:
        assert client.get("/").status_code == 401
    assert seen == ["start", "stop"]


@pytest.mark.attack("SDK-05")
async def test_scope_of_an_unknown_type_reaches_nobody(issuer):
    reached = []

    async def app(scope, _receive, _send):
        reached.append(scope)

    guarded = JWTAuthMiddleware(app, auth_base_url=issuer.url, expected_audience="orders-api")
    with pytest.raises(ValueError, match="webtransport"):
        await guarded({"type": "webtransport", "headers": []}, None, None)
    assert reached == []
