"""API keys alone: what is asked, what is remembered, and what is refused without a question."""

import asyncio
import json
import secrets
import string
import time
from base64 import b64decode
from typing import Annotated

import httpx2
import pytest
from fastapi import Depends, FastAPI, Request
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse, Response
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from auth_service_sdk import APIKeyAuthMiddleware, Identity, log_context, require_api_key, require_scope, require_user
from auth_service_sdk.api_keys import INTROSPECT_PATH, MAX_CACHED_SECONDS, APIKeys
from auth_service_sdk.client import ServiceConnection
from auth_service_sdk.errors import APIKeyStateUnknown, InvalidAPIKey
from auth_service_sdk.key_form import checksum, is_well_formed

pytestmark = pytest.mark.anyio

AUDIENCE = "orders-api"
# Connections close with their event loop; one that is dropped before it may not be closed in time.
HELD: list[ServiceConnection] = []
BASE62 = string.digits + string.ascii_letters


def new_key():
    body = "ask_" + "".join(secrets.choice(BASE62) for _ in range(22)) + "_"
    body += "".join(secrets.choice(BASE62) for _ in range(43))
    return body + checksum(body.encode()).decode()


def answer_of(key, **changes):
    told = {
        "active": True,
        "token_type": "api_key",
        "iss": "http://localhost",
        "sub": "ann",
        "aud": AUDIENCE,
        "scope": "orders:read",
        "permissions": ["orders.list"],
        "jti": key[4:26],
        "iat": 1,
        "networks": [],
    } | changes
    return {name: value for name, value in told.items() if value is not ...}


@pytest.fixture
def known(issuer):
    """The keys that the issuer knows, with what it says of each."""
    keys = {}

    def introspect(request: Request):
        async def told(scope, receive, send):
            body = json.loads(await Request(scope, receive).body())
            answer = keys.get(body["api_key"], {"active": False})
            answer = answer if isinstance(answer, Response) else JSONResponse(answer)
            await answer(scope, receive, send)

        introspect.authorization = request.headers.get("authorization")
        return told

    issuer.answers[INTROSPECT_PATH] = introspect
    issuer.introspect = introspect
    return keys


def application():
    app = FastAPI()

    @app.get("/open")
    async def without_rule(request: Request):
        return {"user": request.state.user and request.state.user.sub, **log_context()}

    @app.get("/whoami")
    async def whoami(identity: Annotated[Identity, Depends(require_user)]) -> Identity:
        return identity

    @app.get("/machine")
    async def machine(identity: Annotated[Identity, Depends(require_api_key)]):
        return {"sub": identity.sub}

    @app.get("/reports", dependencies=[Depends(require_scope("orders:read"))])
    async def reports():
        return {}

    @app.get("/writes", dependencies=[Depends(require_scope("orders:write"))])
    async def writes():
        return {}

    @app.websocket("/ws")
    async def ws(websocket):
        raise AssertionError("not reached")

    return app


@pytest.fixture
def guarded(issuer):
    def build(app=None, **options):
        app = app or application()
        options = {
            "auth_base_url": issuer.url,
            "expected_audience": AUDIENCE,
            "client_id": "c_1",
            "client_secret": "s:1",
        } | options
        app.add_middleware(APIKeyAuthMiddleware, **options)
        transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
        client = httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1")
        client.app = app
        return client

    return build


def asked(issuer):
    return issuer.fetched[INTROSPECT_PATH]


def key_header(key):
    return {"x-api-key": key}


async def test_a_key_that_counts_is_an_identity_of_its_own_kind(issuer, known, guarded):
    key = new_key()
    known[key] = answer_of(key, email="ann@example.com", name="export")
    identity = (await guarded().get("/whoami", headers=key_header(key))).json()
    assert (identity["sub"], identity["kind"], identity["email"]) == ("ann", "api_key", "ann@example.com")
    assert (identity["scopes"], identity["permissions"], identity["roles"]) == (["orders:read"], ["orders.list"], [])
    assert (identity["sid"], identity["auth_time"], identity["claims"]["jti"]) == (None, None, key[4:26])
    assert b64decode(issuer.introspect.authorization.removeprefix("Basic ")) == b"c_1:s%3A1"


async def test_the_rules_of_routes_hold_for_keys(known, guarded):
    key = new_key()
    known[key] = answer_of(key)
    api = guarded()
    statuses = [(await api.get(path, headers=key_header(key))).status_code for path in ("/reports", "/machine")]
    assert statuses == [200, 200]
    assert (await api.get("/writes", headers=key_header(key))).status_code == 403


async def test_without_a_key_every_path_is_closed(issuer, known, guarded):
    answer = await guarded().get("/open")
    assert (answer.status_code, answer.json()["code"]) == (401, "missing_api_key")
    assert answer.headers["www-authenticate"] == 'ApiKey realm="orders-api", header="X-API-Key"'
    assert asked(issuer) == 0


@pytest.mark.attack("API-01")
async def test_what_is_no_key_is_refused_without_a_question(issuer, known, guarded):
    key = new_key()
    known[key] = answer_of(key)
    api = guarded()
    wrong = [
        key[:-1] + ("0" if key[-1] != "0" else "1"),
        key[:26],
        key.lower(),
        key.swapcase(),
        f"{key}x",
        f"x{key}",
        key.replace("_", " "),
        "",
        "ask_",
        "x" * 15_000,
        f"Bearer {key}",
    ]
    for text in wrong:
        answer = await api.get("/open", headers=key_header(text))
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_api_key"), text
    for query in (f"?api_key={key}", f"?X-API-Key={key}"):
        assert (await api.get(f"/open{query}")).status_code == 401
    assert (await api.get("/open", headers={"authorization": f"Bearer {key}"})).status_code == 401
    assert asked(issuer) == 0


async def test_two_keys_are_one_too_many(known, guarded):
    key = new_key()
    known[key] = answer_of(key)
    answer = await guarded().get("/open", headers=[("x-api-key", key), ("x-api-key", key)])
    assert (answer.status_code, answer.json()["code"]) == (400, "ambiguous_credentials")


async def test_one_question_serves_many_requests(issuer, known, guarded):
    key = new_key()
    known[key] = answer_of(key)
    api = guarded()
    issuer.delay = 0.1
    began = time.monotonic()
    answers = await asyncio.gather(*(api.get("/open", headers=key_header(key)) for _ in range(20)))
    answers += [await api.get("/open", headers=key_header(key)) for _ in range(20)]
    assert {answer.status_code for answer in answers} == {200}
    # One for each second, however long a busy machine takes.
    assert asked(issuer) <= 1 + (time.monotonic() - began) / MAX_CACHED_SECONDS


class Moving:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def keys_of(issuer, monotonic, **options):
    connection = ServiceConnection(issuer.url)
    HELD.append(connection)
    options = {"audiences": frozenset({AUDIENCE}), "credentials": ("c", "s"), "header": "X-API-Key"} | options
    return APIKeys(connection, monotonic=monotonic, **options)


@pytest.mark.attack("API-05")
async def test_a_key_made_after_a_miss_works_and_one_revoked_after_a_hit_ends_within_a_second(issuer, known):
    clock, key = Moving(), new_key()
    keys = keys_of(issuer, clock)
    raw = key.encode()
    with pytest.raises(InvalidAPIKey):
        await keys.find(raw)
    known[key] = answer_of(key)
    with pytest.raises(InvalidAPIKey):
        await keys.find(raw)
    assert asked(issuer) == 1
    clock.now += MAX_CACHED_SECONDS
    assert (await keys.find(raw)).identity.sub == "ann"
    del known[key]
    clock.now += MAX_CACHED_SECONDS - 0.01
    assert (await keys.find(raw)).identity.sub == "ann"
    clock.now += 0.01
    with pytest.raises(InvalidAPIKey):
        await keys.find(raw)
    assert asked(issuer) == 3


async def test_an_answer_is_used_no_longer_than_the_key_lives(issuer, known):
    clock, key = Moving(), new_key()
    keys = keys_of(issuer, clock, clock=lambda: 5000.0)
    known[key] = answer_of(key, exp=5000)
    assert (await keys.find(key.encode())).fresh_until == clock.now
    known[key] = answer_of(key, exp=9000)
    assert (await keys.find(key.encode())).fresh_until == clock.now + MAX_CACHED_SECONDS


async def test_unknown_keys_drive_no_known_one_out_and_take_bounded_room(issuer, known):
    clock, key = Moving(), new_key()
    keys = keys_of(issuer, clock, cache_size=8)
    known[key] = answer_of(key)
    await keys.find(key.encode())
    for _ in range(40):
        with pytest.raises(InvalidAPIKey):
            await keys.find(new_key().encode())
    assert len(keys.bad) <= 8
    before = asked(issuer)
    await keys.find(key.encode())
    assert asked(issuer) == before
    for _ in range(40):
        other = new_key()
        known[other] = answer_of(other)
        await keys.find(other.encode())
    assert len(keys.good) <= 8


async def test_a_question_that_began_long_ago_is_joined_by_nobody(issuer, known):
    clock, key = Moving(), new_key()
    keys = keys_of(issuer, clock)
    known[key] = answer_of(key)
    issuer.delay = 0.3
    slow = asyncio.create_task(keys.find(key.encode()))
    while asked(issuer) == 0:
        await asyncio.sleep(0.005)
    clock.now += MAX_CACHED_SECONDS
    issuer.delay = 0
    del known[key]
    with pytest.raises(InvalidAPIKey):
        await keys.find(key.encode())
    await asyncio.gather(slow, return_exceptions=True)
    # The slow answer came last and undid nothing.
    with pytest.raises(InvalidAPIKey):
        await keys.find(key.encode())


@pytest.mark.parametrize(
    "told",
    [
        Response(status_code=500),
        Response("<html>", media_type="text/html"),
        JSONResponse([]),
        JSONResponse({}),
        JSONResponse({"active": "true"}),
        JSONResponse(answer_of(new_key(), sub=7)),
        JSONResponse(answer_of(new_key(), scope=...)),
        JSONResponse(answer_of(new_key(), token_type="Bearer")),
        JSONResponse(answer_of(new_key(), exp="soon")),
        JSONResponse(answer_of(new_key(), networks=["everywhere"])),
        JSONResponse({"active": False}, status_code=401),
        JSONResponse(answer_of(new_key()), status_code=403),
    ],
)
async def test_whatever_is_no_answer_opens_nothing(issuer, known, guarded, told):
    key = new_key()
    known[key] = told
    answer = await guarded().get("/open", headers=key_header(key))
    assert (answer.status_code, answer.json()["code"]) == (503, "api_key_state_unknown")
    assert answer.headers["retry-after"] == "1"


async def test_an_answer_about_another_audience_opens_nothing(known, guarded):
    key = new_key()
    known[key] = answer_of(key, aud="billing-api")
    assert (await guarded().get("/open", headers=key_header(key))).status_code == 401


async def test_when_nobody_can_be_asked_a_key_is_not_served_even_by_lenient(mortal_issuer, guarded):
    mortal_issuer.stop()
    api = guarded(auth_base_url=mortal_issuer.url, on_stale="lenient")
    for _ in range(4):
        answer = await api.get("/open", headers=key_header(new_key()))
        assert (answer.status_code, answer.json()["code"]) == (503, "api_key_state_unknown")


async def test_without_credentials_of_its_own_a_service_accepts_no_key(monkeypatch, guarded):
    monkeypatch.delenv("AUTH_CLIENT_ID", raising=False)
    monkeypatch.delenv("AUTH_CLIENT_SECRET", raising=False)
    answer = await guarded(client_id=None, client_secret=None).get("/open", headers=key_header(new_key()))
    assert (answer.status_code, answer.json()["code"]) == (503, "api_key_state_unknown")


@pytest.mark.parametrize(
    ("peer", "forwarded", "status"),
    [
        ("203.0.113.9", None, 200),
        ("::ffff:203.0.113.9", None, 200),
        ("198.51.100.1", None, 401),
        ("198.51.100.1", "203.0.113.9", 401),
        ("10.0.0.1", "203.0.113.9", 200),
        ("10.0.0.1", "203.0.113.9, 10.0.0.2", 200),
        ("10.0.0.1", "203.0.113.9, 198.51.100.1", 401),
        ("10.0.0.1", "nonsense", 401),
        ("2001:db8::7", None, 200),
        (None, "203.0.113.9", 401),
    ],
)
async def test_a_key_counts_from_its_own_networks_alone(known, guarded, raw, peer, forwarded, status):
    key = new_key()
    known[key] = answer_of(key, networks=["203.0.113.0/24", "2001:db8::/32"])
    app = guarded(trusted_proxies=["10.0.0.0/8"]).app
    headers = [(b"x-api-key", key.encode())] + ([(b"x-forwarded-for", forwarded.encode())] if forwarded else [])
    for _ in range(2):
        assert (await raw(app, headers, client=None if peer is None else (peer, 5)))[0] == status


async def test_public_paths_ask_nobody_and_still_know_who_came(issuer, known, guarded):
    key = new_key()
    known[key] = answer_of(key)
    api = guarded(public_paths=["/open"])
    assert (await api.get("/open")).json()["user"] is None
    assert (await api.get("/open", headers=key_header("wrong"))).json()["user"] is None
    assert (await api.get("/open", headers=key_header(key))).json()["user"] == "ann"


async def test_the_log_knows_whose_key_it_was_and_never_the_key(known, guarded, caplog):
    key = new_key()
    known[key] = answer_of(key)
    told = (await guarded().get("/open", headers=key_header(key))).json()
    assert (told["auth_sub"], told["auth_kind"], told["auth_decision"]) == ("ann", "api_key", "allowed")
    await guarded().get("/open", headers=key_header(new_key()))
    assert key not in caplog.text


async def test_refusals_carry_the_headers_of_cors_and_a_preflight_passes(known, guarded):
    app = application()
    app.add_middleware(CORSMiddleware, allow_origins=["https://app.example.com"], allow_headers=["X-API-Key"])
    api = guarded(app)
    origin = {"origin": "https://app.example.com"}
    assert (await api.get("/open", headers=origin)).headers["access-control-allow-origin"] == origin["origin"]
    asking = origin | {"access-control-request-method": "GET", "access-control-request-headers": "x-api-key"}
    assert (await api.options("/open", headers=asking)).status_code == 200


def test_a_websocket_without_a_key_is_refused_before_it_is_accepted(issuer, known, guarded):
    client = TestClient(guarded().app)
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/ws"):
        pass


def test_openapi_says_where_the_key_stands():
    document = application().openapi()
    assert document["components"]["securitySchemes"]["api_key"] == {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "An API key of this service's audience.",
    }
    assert document["paths"]["/machine"]["get"]["security"] == [{"api_key": []}]


@pytest.mark.parametrize(
    "wrong",
    [
        {"header": "Authorization"},
        {"header": "Cookie"},
        {"header": "X API Key"},
        {"header": ""},
        {"cookie": "__Host-access"},
        {"trusted_proxies": ["everywhere"]},
        {"trusted_proxies": "10.0.0.0/8"},
        {"on_stale": "sometimes"},
        {"expected_audience": []},
        {"auth_base_url": "auth.example.com"},
        {"leeway": 31},
        {"allowed_origins": ["*"]},
        {"client_id": "c", "client_secret": None},
    ],
)
def test_arguments_that_cannot_work_are_refused_at_once(wrong, monkeypatch):
    monkeypatch.delenv("AUTH_CLIENT_SECRET", raising=False)
    options = {"auth_base_url": "https://auth.example.com", "expected_audience": AUDIENCE} | wrong
    with pytest.raises((ValueError, TypeError)):
        APIKeyAuthMiddleware(application(), **options)


def test_the_form_is_that_of_the_service():
    # The vectors of the service's own tests.
    assert is_well_formed(b"ask_" + b"0" * 22 + b"_" + b"0" * 43 + b"1WWVYg")
    assert is_well_formed(b"ask_02tcRIyrxLXTR81B3dqdOx_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg1445EG")
    assert not is_well_formed(b"ask_" + b"0" * 22 + b"_" + b"0" * 43 + b"1WWVYh")


async def test_a_refusal_for_the_log_says_what_is_misconfigured():
    keys = APIKeys(
        ServiceConnection("http://127.0.0.1:1"), audiences=frozenset({AUDIENCE}), credentials=None, header="X"
    )
    with pytest.raises(APIKeyStateUnknown) as refused:
        await keys.find(new_key().encode())
    assert refused.value.misconfigured
