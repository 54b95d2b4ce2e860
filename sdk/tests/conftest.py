"""A real issuer on loopback, with real keys, that can be told to misbehave; and a guarded application to knock at."""

import asyncio
import base64
import json
import socket
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Annotated

import httpx2
import pytest
import uvicorn
from fastapi import Depends, FastAPI, Request, WebSocket
from joserfc import jwk, jws
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from auth_service_sdk import (
    Identity,
    JWTAuthMiddleware,
    require_fresh_auth,
    require_permission,
    require_role,
    require_scope,
    require_user,
)

AUDIENCE = "orders-api"
KEYS = {
    "RS256": jwk.RSAKey.generate_key(2048),
    "ES256": jwk.ECKey.generate_key("P-256"),
    "EdDSA": jwk.OKPKey.generate_key("Ed25519"),
}


def b64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def public_jwk(alg, key, kid=None):
    return {**key.as_dict(private=False), "kid": kid or key.thumbprint(), "alg": alg, "use": "sig"}


def sign(header, payload, alg, key):
    """Sign raw bytes, whatever they say."""
    signing_input = f"{b64(header)}.{b64(payload)}"
    signature = jws.JWSRegistry.algorithms[alg].sign(signing_input.encode(), key)
    return f"{signing_input}.{b64(signature)}"


class Issuer:
    """The authentication service as the SDK sees it. `answers` overrides what an endpoint says."""

    sign = staticmethod(sign)
    b64 = staticmethod(b64)
    public_jwk = staticmethod(public_jwk)

    def __init__(self):
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.app = Starlette(routes=[Route("/{path:path}", self._answer, methods=["GET", "POST"])])
        self.reset()
        self.start()

    def reset(self):
        self.keys = dict(KEYS)
        self.extra_jwks = []
        self.answers = {}
        self.revoked = set()
        self.fetched = Counter()
        self.delay = 0
        self.max_age = 240

    def start(self):
        if self.sock is None:
            self.sock = socket.create_server(("127.0.0.1", self.port))
        config = uvicorn.Config(self.app, log_level="error", lifespan="off", loop="asyncio", ws="none")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.sock]})
        self.thread.start()

    def stop(self):
        self.server.should_exit = True
        self.thread.join()
        self.sock.close()
        self.sock = None

    async def _answer(self, request):
        path = request.url.path
        self.fetched[path] += 1
        await asyncio.sleep(self.delay)
        if path in self.answers:
            return self.answers[path](request)
        if path == "/.well-known/jwks.json":
            return JSONResponse(self.jwks(), headers={"cache-control": f"public, max-age={self.max_age}"})
        if path == "/auth/validate":
            return self._validate(request)
        return Response(status_code=404)

    def jwks(self):
        return {"keys": [public_jwk(alg, key) for alg, key in self.keys.items()] + self.extra_jwks}

    def _validate(self, request):
        token = request.headers["authorization"].removeprefix("Bearer ")
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        if claims.get("sid") in self.revoked:
            return JSONResponse({"code": "invalid_token"}, 401)
        return JSONResponse({"active": True, "sub": claims["sub"], "sid": claims.get("sid")})

    @property
    def jwks_fetches(self):
        return self.fetched["/.well-known/jwks.json"]

    @property
    def questions(self):
        return self.fetched["/auth/validate"]

    def claims(self, **changes):
        now = int(time.time())
        claims = {
            "iss": self.url,
            "sub": str(uuid.uuid4()),
            "aud": AUDIENCE,
            "client_id": "first-party",
            "iat": now,
            "exp": now + 600,
            "jti": uuid.uuid4().hex,
            "sid": uuid.uuid4().hex,
            "grant_id": uuid.uuid4().hex,
            "scope": "orders:read profile",
            "roles": ["clerk"],
            "permissions": ["orders.list"],
            "auth_time": now,
            "amr": ["pwd"],
            "acr": "aal1",
        } | changes
        return {name: value for name, value in claims.items() if value is not ...}

    def mint(self, alg="EdDSA", *, header=None, key=None, payload=None, sign_as=None, **changes):
        """A signed token; `...` as a value leaves a member out. `payload` replaces the claims by raw bytes."""
        key = key or KEYS[sign_as or alg]
        members = {"alg": alg, "kid": key.thumbprint(), "typ": "at+jwt"} | (header or {})
        members = {name: value for name, value in members.items() if value is not ...}
        body = json.dumps(self.claims(**changes)).encode() if payload is None else payload
        return sign(json.dumps(members).encode(), body, sign_as or alg, key)


@pytest.fixture(scope="session")
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="session")
def shared_issuer() -> Iterator[Issuer]:
    issuer = Issuer()
    yield issuer
    issuer.stop()


@pytest.fixture
def issuer(shared_issuer):
    """The issuer of this process, well-behaved at the start of each test."""
    shared_issuer.reset()
    return shared_issuer


@pytest.fixture
def mortal_issuer():
    """An issuer of this test's own, to be stopped and started again on its port."""
    issuer = Issuer()
    yield issuer
    if issuer.sock is not None:
        issuer.stop()


def application():
    app = FastAPI()
    app.state.reached = []

    @app.api_route("/open", methods=["GET", "HEAD", "OPTIONS", "TRACE", "DELETE"], include_in_schema=False)
    async def without_rule(request: Request):
        app.state.reached.append(request.method)
        user = request.state.user
        return {"sub": user and user.sub}

    @app.get("/whoami")
    async def whoami(identity: Annotated[Identity, Depends(require_user)]) -> Identity:
        return identity

    @app.get("/admin", dependencies=[Depends(require_role("admin", "owner"))])
    async def admin():
        return {}

    @app.get("/reports", dependencies=[Depends(require_scope("orders:read", "reports:read"))])
    async def reports():
        return {}

    @app.get("/refunds", dependencies=[Depends(require_permission("orders.refund"))])
    async def refunds():
        return {}

    @app.get("/fresh", dependencies=[Depends(require_fresh_auth(max_age=300))])
    async def fresh():
        return {}

    @app.websocket("/ws")
    async def ws(websocket: WebSocket, identity: Annotated[Identity, Depends(require_role("clerk"))]):
        app.state.reached.append("ws")
        await websocket.accept()
        await websocket.send_text(identity.sub)
        await websocket.close()

    return app


@pytest.fixture
def guard(issuer):
    """Build a guarded application and a client of it: `guard(public_paths=["/open"])`."""

    def build(app=None, *, base_url="http://127.0.0.1", of=issuer, **options):
        app = app or application()
        options = {"auth_base_url": of.url, "expected_audience": AUDIENCE} | options
        app.add_middleware(JWTAuthMiddleware, **options)
        transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
        client = httpx2.AsyncClient(transport=transport, base_url=base_url)
        client.app = app
        return client

    return build


@pytest.fixture
def api(guard):
    return guard()


@pytest.fixture
def knock(api):
    """Call a route with a token and return the answer."""

    async def call(token, path="/open", method="GET"):
        return await api.request(method, path, headers={"authorization": f"Bearer {token}"})

    return call


@pytest.fixture
def refused(knock):
    """Assert that a token is refused with 401 `invalid_token` and return why, as loopback is told."""

    async def check(token, status=401, code="invalid_token"):
        answer = await knock(token)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]
        return answer.json()["detail"]

    return check


@pytest.fixture
def raw():
    """Send one hand-made HTTP scope to an application and return the answer's status and headers."""
    return send_raw


async def send_raw(app, headers=(), **changes):
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/open",
        "raw_path": b"/open",
        "root_path": "",
        "query_string": b"",
        "headers": list(headers),
        "client": ("203.0.113.9", 5),
        "server": ("orders", 80),
    } | changes
    await app(scope, receive, send)
    return sent[0]["status"], dict(sent[0]["headers"])
