"""An authentication service in memory: keys, a key set, sessions. No server, no network."""

import base64
import hmac
import json
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Self
from urllib.parse import parse_qsl, unquote_plus

import httpx2
from joserfc import jws
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from auth_service_sdk.action_tokens import CONSUME_PATH
from auth_service_sdk.api_keys import INTROSPECT_PATH
from auth_service_sdk.client import answered_by, forget_answers
from auth_service_sdk.discovery import IN_PROCESS_INTROSPECTION
from auth_service_sdk.errors import InvalidToken
from auth_service_sdk.gate import ACTION_TOKEN_TYPES, ALGORITHMS, FOREIGN_ALGORITHMS, parse
from auth_service_sdk.keyset import JWKS_PATH
from auth_service_sdk.service_client import TOKEN_PATH
from auth_service_sdk.session_state import VALIDATE_PATH
from auth_service_sdk.testing.provider import Provider, logout_claims

_LIFETIME_SECONDS = 600
_CURVES = {256: "P-256", 384: "P-384", 512: "P-521"}


@cache
def signing_keys() -> MappingProxyType[str, RSAKey | ECKey | OKPKey]:
    """Return a private key for each algorithm the SDK accepts, made once per process. Those of RSA share one."""
    rsa = RSAKey.generate_key(2048)
    keys: dict[str, RSAKey | ECKey | OKPKey] = dict.fromkeys(FOREIGN_ALGORITHMS, rsa)
    keys |= {f"ES{bits}": ECKey.generate_key(curve) for bits, curve in _CURVES.items()}
    return MappingProxyType(keys | {"EdDSA": OKPKey.generate_key("Ed25519")})


def _kid(algorithm: str) -> str:
    # A published key is for one algorithm: the one RSA key has a name for each.
    name = signing_keys()[algorithm].thumbprint()
    return name if algorithm in ALGORITHMS else f"{name}-{algorithm}"


def _published(kid: str) -> tuple[str, Key] | None:
    return next(((alg, key) for alg, key in signing_keys().items() if _kid(alg) == kid), None)


class Issuer:
    """Signs tokens and answers what every middleware of the SDK asks: keys, sessions, action tokens, API keys.

    It does so inside its `with` block, whatever the middleware's `auth_base_url` is. `algorithm` is that of tokens
    made without naming one.
    """

    def __init__(self, *, algorithm: str = "RS256") -> None:
        self.algorithm = algorithm
        self._ended: set[str] = set()
        self._spent: dict[str, str] = {}
        self._keys: dict[str, dict[str, Any]] = {}
        self._provider = Provider(_published)
        self._block = ExitStack()

    def __enter__(self) -> Self:
        self._block.enter_context(answered_by(httpx2.MockTransport(self._answer), has_feed=False))
        return self

    def __exit__(self, *_: object) -> None:
        self._block.close()

    def sign(
        self, claims: dict[str, Any], *, algorithm: str | None = None, key: Key | None = None, **header: Any
    ) -> str:
        """Sign claims as they are, good or bad, and return the token.

        `header` overrides members of the header; None leaves one out.
        """
        alg = algorithm or self.algorithm
        published = signing_keys()[alg]
        members = {"alg": alg, "kid": _kid(alg), "typ": "at+jwt"} | header
        members = {name: value for name, value in members.items() if value is not None}
        signing_input = f"{_encoded(members)}.{_encoded(claims)}"
        # From the table, as the verifier does: a call by name warns about EdDSA for each token.
        signature = jws.JWSRegistry.algorithms[alg].sign(signing_input.encode(), key or published)
        return f"{signing_input}.{_base64url(signature)}"

    def sign_with_public_key(self, claims: dict[str, Any]) -> str:
        """Sign by HS256 with the published RSA key as the secret: the classic confusion of algorithms."""
        key = signing_keys()["RS256"]
        signing_input = f"{_encoded({'alg': 'HS256', 'kid': key.thumbprint(), 'typ': 'at+jwt'})}.{_encoded(claims)}"
        signature = hmac.digest(key.as_pem(private=False), signing_input.encode(), sha256)
        return f"{signing_input}.{_base64url(signature)}"

    def end_session(self, token: str | dict[str, str]) -> None:
        """End the session of a token or of headers made by `auth_as`; the very next request is refused.

        In production that takes up to half a second.
        """
        sid = parse(_bearer(token).encode()).claims.get("sid")
        if sid is None:
            raise ValueError("the token has no session: it is a client's own, or was made without one")
        self._ended.add(sid)
        forget_answers()

    def opaque(self, claims: dict[str, Any]) -> str:
        """Return a token that says nothing by itself; introspection answers with these claims."""
        return self._provider.issue(claims)

    def revoke(self, token: str | dict[str, str]) -> None:
        """Let introspection say of a token, or of headers made by `auth_as`, that it is not active any more."""
        self._provider.revoke(_bearer(token))
        forget_answers()

    def logout_token(self, token: str | dict[str, str], **claims: Any) -> str:
        """Return the logout token that a provider would post when the session of a token ends.

        `claims` sets any claim, as the `aud` where the client is not the token's audience; None leaves one out.
        Spec: OpenID Connect Back-Channel Logout 1.0 §2.4.
        """
        said = logout_claims(_bearer(token)) | claims
        return self.sign({name: value for name, value in said.items() if value is not None}, typ="logout+jwt")

    def know_key(self, key: str, answer: dict[str, Any]) -> None:
        """Let an API key be known, with the answer that introspection gives of it."""
        self._keys[key] = answer
        forget_answers()

    def revoke_key(self, key: str | dict[str, str]) -> None:
        """Revoke an API key, or that of headers made by `key_as`; the very next request is refused.

        In production that takes up to a second.
        """
        for text in [key] if isinstance(key, str) else key.values():
            self._keys.pop(text, None)
        forget_answers()

    def jwks(self) -> dict[str, Any]:
        """Return the published key set."""
        return {
            "keys": [
                {**key.as_dict(private=False), "kid": _kid(alg), "alg": alg, "use": "sig"}
                for alg, key in signing_keys().items()
            ]
        }

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        ways: dict[str, Callable[[], httpx2.Response]] = {
            JWKS_PATH: lambda: _response(200, self.jwks()),
            VALIDATE_PATH: lambda: self._validate(request.headers.get("authorization", "")),
            TOKEN_PATH: lambda: self._issue(request),
            CONSUME_PATH: lambda: self._consume(json.loads(request.content)),
            INTROSPECT_PATH: lambda: _response(200, self._introspect(json.loads(request.content)["api_key"])),
            IN_PROCESS_INTROSPECTION: lambda: _response(200, self._provider.introspect(_form(request)["token"])),
        }
        answer = next((ways[end] for end in ways if request.url.path.endswith(end)), None)
        return _response(404, {}) if answer is None else answer()

    def _issue(self, request: httpx2.Request) -> httpx2.Response:
        """A token of the client's own, for whatever audience and scopes it asks."""
        form = _form(request)
        pair = base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode()
        client_id, now = unquote_plus(pair.partition(":")[0]), int(time.time())
        issuer = str(request.url).removesuffix(TOKEN_PATH)
        scope = form.get("scope", "")
        claims = {
            "iss": issuer,
            "sub": client_id,
            "client_id": client_id,
            "aud": form.get("audience", issuer),
            "iat": now,
            "exp": now + _LIFETIME_SECONDS,
            "jti": uuid.uuid4().hex,
            "scope": scope,
            "roles": [],
            "permissions": [],
        }
        members = {"access_token": self.sign(claims), "token_type": "Bearer", "expires_in": _LIFETIME_SECONDS}
        return _response(200, {**members, "scope": scope})

    def _introspect(self, key: str) -> dict[str, Any]:
        answer = self._keys.get(key, {"active": False})
        # The middleware refuses an answer for another audience by itself: here it is given, so that it must.
        return {"active": False} if answer.get("exp", time.time() + 1) <= time.time() else answer

    def _consume(self, body: dict[str, Any]) -> httpx2.Response:
        # The rule of the middleware asks only about tokens that it has found to fit.
        claims = parse(body["action_token"].encode(), types=ACTION_TOKEN_TYPES).claims
        spent_by = self._spent.setdefault(claims["jti"], body["consumption_id"])
        if spent_by != body["consumption_id"] or claims.get("sid") in self._ended:
            return _response(200, {"active": False})
        return _response(200, {"active": True, "sub": claims["sub"]})

    def _validate(self, authorization: str) -> httpx2.Response:
        # The middleware asks only about tokens it has verified itself.
        try:
            claims = parse(authorization.removeprefix("Bearer ").encode()).claims
        except InvalidToken:
            return _response(401, {"code": "invalid_token"})
        if claims.get("sid") in self._ended:
            return _response(401, {"code": "invalid_token"})
        return _response(200, {"active": True, "sub": claims.get("sub"), "sid": claims.get("sid")})


def _form(request: httpx2.Request) -> dict[str, str]:
    return dict(parse_qsl(request.content.decode()))


def _bearer(token: str | dict[str, str]) -> str:
    text = token if isinstance(token, str) else token["Authorization"]
    return text.removeprefix("Bearer ")


def _response(status: int, body: dict[str, Any]) -> httpx2.Response:
    # A stream, as from a network: a response made of content counts as read.
    return httpx2.Response(status, stream=httpx2.ByteStream(json.dumps(body).encode()))


def _encoded(value: dict[str, Any]) -> str:
    return _base64url(json.dumps(value).encode())


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
