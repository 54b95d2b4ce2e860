"""What a guarded service needs of Keycloak, from memory: discovery, keys, tokens by client credentials, introspection.

It stands in where a real one cannot be had. It answers more cheaply than any: who asks it is flattered.
"""

import hmac
import json
import time
import uuid
from base64 import b64decode
from typing import Any
from urllib.parse import parse_qs, unquote_plus

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.types import ASGIApp, Receive, Scope, Send

from bench.peers.introspection import CLIENT_ID, CLIENT_SECRET, REALM

_KID = "bench"
_SECONDS = 7200
_BASE = f"/realms/{REALM}"
_PROTOCOL = f"{_BASE}/protocol/openid-connect"


def application() -> ASGIApp:
    """The server."""
    keycloak = _Keycloak()

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        headers_in = dict(scope["headers"])
        basic = b64decode(headers_in.get(b"authorization", b"Basic ").removeprefix(b"Basic ")).decode()
        if basic:
            form["client_secret"] = unquote_plus(basic.partition(":")[2])
        status, told = keycloak.answer(scope["path"], form, headers_in[b"host"].decode())
        content = json.dumps(told).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    return serve


class _Keycloak:
    def __init__(self) -> None:
        self._key = rsa.generate_private_key(65537, 2048)
        self._issued: dict[str, dict[str, Any]] = {}

    def answer(self, path: str, form: dict[str, str], host: str) -> tuple[int, dict[str, Any]]:
        issuer = f"http://{host}{_BASE}"
        if path == f"{_BASE}/.well-known/openid-configuration":
            keys, asked = f"http://{host}{_PROTOCOL}/certs", f"http://{host}{_PROTOCOL}/token/introspect"
            return 200, {"issuer": issuer, "jwks_uri": keys, "introspection_endpoint": asked}
        if path == f"{_PROTOCOL}/certs":
            jwk = jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
            return 200, {"keys": [jwk | {"kid": _KID, "alg": "RS256", "use": "sig"}]}
        if path not in (f"{_PROTOCOL}/token", f"{_PROTOCOL}/token/introspect"):
            return 404, {"error": "not_found"}
        if not hmac.compare_digest(form.get("client_secret", ""), CLIENT_SECRET):
            return 401, {"error": "invalid_client"}
        if path == f"{_PROTOCOL}/token":
            return 200, {"access_token": self._issue(issuer), "token_type": "Bearer", "expires_in": _SECONDS}
        claims = self._issued.get(form.get("token", ""))
        return 200, {"active": False} if claims is None else claims | {"active": True, "token_type": "Bearer"}

    def _issue(self, issuer: str) -> str:
        now = int(time.time())
        claims = {
            "exp": now + _SECONDS,
            "iat": now,
            "jti": f"trrtcc:{uuid.uuid4()}",
            "iss": issuer,
            "aud": [CLIENT_ID, "account"],
            "sub": str(uuid.uuid4()),
            "typ": "Bearer",
            "azp": CLIENT_ID,
            "acr": "1",
            "allowed-origins": ["/*"],
            "realm_access": {"roles": [f"default-roles-{REALM}", "offline_access", "uma_authorization"]},
            "resource_access": {"account": {"roles": ["manage-account", "manage-account-links", "view-profile"]}},
            "scope": "profile email",
            "email_verified": False,
            "clientHost": "127.0.0.1",
            "preferred_username": f"service-account-{CLIENT_ID}",
            "clientAddress": "127.0.0.1",
            "client_id": CLIENT_ID,
        }
        token: str = jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": _KID})
        self._issued[token] = claims
        return token
