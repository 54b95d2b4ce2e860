"""An introspection endpoint as Keycloak's: asked by a form with the client's secret, answered from memory.

Cheaper than any real one, which looks the session up: a peer that asks it is flattered. Spec: RFC 7662 §2.
"""

import hmac
import json
import os
import time
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Receive, Scope, Send

from bench.peers.orders import AUDIENCE, issuer

REALM, CLIENT_ID = "bench", "orders-api"
CLIENT_SECRET = "known to this bench alone"
_PATH = f"/realms/{REALM}/protocol/openid-connect/token/introspect"


def application() -> ASGIApp:
    """The server."""
    return _serve


async def _serve(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    status, told = _answer(scope["path"], {name: values[0] for name, values in parse_qs(body.decode()).items()})
    content = json.dumps(told).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def _answer(path: str, form: dict[str, str]) -> tuple[int, dict[str, object]]:
    if path != _PATH:
        return 404, {"error": "not_found"}
    if not hmac.compare_digest(form.get("client_secret", ""), CLIENT_SECRET):
        return 401, {"error": "invalid_client"}
    if not hmac.compare_digest(form.get("token", ""), os.environ["LIVE_TOKEN"]):
        return 200, {"active": False}
    now = int(time.time())
    claims = {"sub": "someone", "aud": AUDIENCE, "iss": issuer(), "client_id": CLIENT_ID, "scope": "orders:read"}
    return 200, {"active": True, "iat": now, "exp": now + 600, **claims}
