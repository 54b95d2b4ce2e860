"""A small OpenID provider of our own: well-behaved unless a test tells it to misbehave.

async with serving(Provider()) as provider: ...   # provider.issuer, provider.client_id, provider.client_secret
answer = await provider.visit(departure.url)       # what the browser brings back, as the provider sends it

It signs everybody in as `provider.person` without asking. Everything it says can be changed: `…_changes` are laid over
what it would say (a value of LEAVE_OUT removes a member), and `answers` replaces what it answers at a path.
"""

import asyncio
import base64
import contextlib
import gzip
import hashlib
import json
import secrets
import socket
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

import httpx2
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.browser.conftest import served

LEAVE_OUT = object()
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
Key = RSAKey | ECKey | OKPKey
Answering = Callable[[Request], Awaitable[Response]]


def new_key(kid: str = "k1", *, bits: int = 2048) -> RSAKey:
    return RSAKey.generate_key(bits, {"kid": kid, "use": "sig", "alg": "RS256"})


@dataclass
class Provider:
    """One provider with one client. `requests` are the paths that were asked, but not by the person's browser."""

    key: Key = field(default_factory=new_key)
    client_id: str = "rp"
    client_secret: str = "s3cret/with+signs:and%more"
    path: str = ""
    host: str = "localhost"
    port: int = 0
    person: dict[str, Any] = field(
        default_factory=lambda: {
            "sub": "248289761001",
            "email": "jane@corp.example",
            "email_verified": True,
            "name": "Jane Doe",
            "given_name": "Jane",
            "family_name": "Doe",
            "sid": "upstream-session",
        }
    )
    thin_id_token: bool = False
    signs_userinfo: bool = False
    metadata_changes: dict[str, Any] = field(default_factory=dict)
    id_token_changes: dict[str, Any] = field(default_factory=dict)
    header_changes: dict[str, Any] = field(default_factory=dict)
    userinfo_changes: dict[str, Any] = field(default_factory=dict)
    callback_changes: dict[str, Any] = field(default_factory=dict)
    token_changes: dict[str, Any] = field(default_factory=dict)
    jwks: Callable[[], dict[str, Any]] | None = None
    signs_with: Key | None = None
    writes_token: Callable[[dict[str, Any], dict[str, Any]], str] | None = None
    answers: dict[str, Answering] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def issuer(self) -> str:
        return f"http://{self.host}:{self.port}{self.path}"

    def metadata(self) -> dict[str, Any]:
        said = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid", "email", "profile", "offline_access"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
        }
        return changed(said, self.metadata_changes)

    async def visit(self, url: str) -> dict[str, str]:
        """Go where a sign-in leads, and tell with which query the browser is sent back."""
        async with httpx2.AsyncClient() as browser:
            answer = await browser.get(url)
        assert answer.status_code == 302, answer.text
        return dict(parse_qsl(urlsplit(answer.headers["location"]).query))

    def sign(self, claims: dict[str, Any], *, typ: str | None = "JWT") -> str:
        """A signed token, whatever a test has changed about that."""
        key = self.signs_with or self.key
        alg = str(key.get("alg", "RS256"))
        header = {"alg": alg, "kid": self.key.kid, "typ": typ} if typ else {"alg": alg, "kid": self.key.kid}
        header = changed(header, self.header_changes)
        if self.writes_token is not None:
            return self.writes_token(header, claims)
        signed = f"{encoded(header)}.{encoded(claims)}"
        signature = JWSRegistry.algorithms[alg].sign(signed.encode(), key)
        return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"

    def logout_token(self, **changes: Any) -> str:
        """What a provider posts when a session there is over."""
        now = int(time.time())
        said = {
            "iss": self.issuer,
            "aud": self.client_id,
            "iat": now,
            "exp": now + 120,
            "jti": secrets.token_hex(8),
            "sub": self.person["sub"],
            "sid": self.person["sid"],
            "events": {LOGOUT_EVENT: {}},
        }
        return self.sign(changed(said, changes), typ="logout+jwt")

    def app(self) -> Starlette:
        routes = {
            "/.well-known/openid-configuration": ("GET", self._configuration),
            "/authorize": ("GET", self._authorize),
            "/token": ("POST", self._token),
            "/moved/token": ("POST", self._token),
            "/userinfo": ("GET", self._userinfo),
            "/jwks": ("GET", self._jwks),
        }
        return Starlette(
            routes=[
                *(Route(self.path + path, self._at(do), methods=[verb]) for path, (verb, do) in routes.items()),
                Route("/{path:path}", self._at(self._nothing), methods=["GET", "POST"]),
            ]
        )

    def _at(self, usual: Answering) -> Answering:
        async def answer(request: Request) -> Response:
            own = request.url.path.removeprefix(self.path)
            if not own.endswith("/authorize"):
                self.requests.append(own)
            return await self.answers.get(own, usual)(request)

        return answer

    async def _nothing(self, request: Request) -> Response:
        return HTMLResponse("<h1>Not Found</h1>", 404)

    async def _configuration(self, request: Request) -> Response:
        return JSONResponse(self.metadata())

    async def _jwks(self, request: Request) -> Response:
        if self.jwks is not None:
            return JSONResponse(self.jwks())
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        self.asked.append(asked)
        if asked.get("client_id") != self.client_id or asked.get("code_challenge_method") != "S256":
            return HTMLResponse("<h1>invalid request</h1>", 400)
        code = secrets.token_urlsafe(24)
        self._codes[code] = asked
        back = changed({"code": code, "state": asked["state"], "iss": self.issuer}, self.callback_changes)
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(back)}", 302)

    async def _token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        if self._client(request, form) != (self.client_id, self.client_secret):
            return JSONResponse({"error": "invalid_client", "error_description": "who are you"}, 401)
        asked = self._codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if (
            asked is None
            or form.get("redirect_uri") != asked["redirect_uri"]
            or base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != asked["code_challenge"]
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        access_token = secrets.token_urlsafe(24)
        said = {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": 300,
            "id_token": self._id_token(asked),
        }
        if "offline_access" in asked.get("scope", "").split():
            said["refresh_token"] = secrets.token_urlsafe(24)
        return JSONResponse(changed(said, self.token_changes))

    def _client(self, request: Request, form: dict[str, str]) -> tuple[str, str]:
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        if scheme == "Basic":
            name, _, secret = base64.b64decode(encoded).decode().partition(":")
            return unquote_plus(name), unquote_plus(secret)
        return form.get("client_id", ""), form.get("client_secret", "")

    def _id_token(self, asked: dict[str, str]) -> str:
        now = int(time.time())
        said = {
            "iss": self.issuer,
            "aud": self.client_id,
            "iat": now,
            "exp": now + 300,
            "auth_time": now,
            "nonce": asked.get("nonce"),
            **({name: self.person[name] for name in ("sub", "sid")} if self.thin_id_token else self.person),
        }
        return self.sign(changed(said, self.id_token_changes))

    async def _userinfo(self, request: Request) -> Response:
        if not request.headers.get("authorization", "").startswith("Bearer "):
            return Response(status_code=401)
        said = changed({name: value for name, value in self.person.items() if name != "sid"}, self.userinfo_changes)
        if self.signs_userinfo:
            return Response(
                self.sign({"iss": self.issuer, "aud": self.client_id, **said}), media_type="application/jwt"
            )
        return JSONResponse(said)

    async def hanging(self, request: Request) -> Response:
        """Never answers while the test runs."""
        await self.released.wait()
        return Response(status_code=503)

    async def dripping(self, request: Request) -> Response:
        """A byte now and then, and never the last."""

        async def drops() -> AsyncIterator[bytes]:
            yield b"{"
            while not self.released.is_set():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.5):
                        await self.released.wait()
                yield b" "

        return StreamingResponse(drops(), media_type="application/json")


def encoded(value: object) -> str:
    """JSON in base64url, as the parts of a token are."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def changed(said: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (said | changes).items() if value is not LEAVE_OUT}


async def html(request: Request) -> Response:
    """A sign-in page of a proxy, in place of what was asked for."""
    return HTMLResponse("<!doctype html><title>Sign in</title>")


async def huge(request: Request) -> Response:
    """50 MB, and the beginning looks well."""

    async def chunks() -> AsyncIterator[bytes]:
        yield b'{"issuer": "'
        for _ in range(800):
            yield b"x" * 65_536

    return StreamingResponse(chunks(), media_type="application/json")


async def bomb(request: Request) -> Response:
    """20 MB of blanks in 20 kB."""
    packed = gzip.compress(b" " * 20_000_000, compresslevel=6)
    return Response(packed, media_type="application/json", headers={"Content-Encoding": "gzip"})


def redirecting(to: str) -> Answering:
    """Sends whoever asks elsewhere."""

    async def answer(request: Request) -> Response:
        return RedirectResponse(to, 302)

    return answer


def answering(status: int, **members: Any) -> Answering:
    """Answers with JSON."""

    async def answer(request: Request) -> Response:
        return JSONResponse(members, status)

    return answer


@contextlib.asynccontextmanager
async def serving(provider: Provider) -> AsyncGenerator[Provider, None]:
    """Serve a provider on a free port of loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        provider.port = listener.getsockname()[1]
        async with served(provider.app(), listener):
            try:
                yield provider
            finally:
                provider.released.set()
