"""The floor of client credentials: a bare Starlette route, one durable row by group commit, one ES256 signature.

The client is a constant, the secret's hash is compared, nothing is looked up, limited or logged: no honest service
can be cheaper in this stack.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl

import asyncpg
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bench.floor import encoded, plain_claims, signed

_TABLE = "CREATE TABLE IF NOT EXISTS bench_issued (jti text PRIMARY KEY, client text NOT NULL, scope text NOT NULL)"
_INSERT = (
    "INSERT INTO bench_issued SELECT * FROM json_to_recordset($1::text::json) AS r(jti text, client text, scope text)"
)
_SECRET = hashlib.sha256(b"s3cret").digest()


def application() -> Starlette:
    """The application."""
    key = ec.generate_private_key(ec.SECP256R1())
    header = encoded(json.dumps({"alg": "ES256", "kid": secrets.token_urlsafe(32), "typ": "at+jwt"}).encode())
    pool: asyncpg.Pool
    waiting: list[tuple[dict[str, str], asyncio.Future[None]]] = []
    came = asyncio.Event()

    async def commit() -> None:
        while True:
            await came.wait()
            came.clear()
            while waiting:
                group, waiting[:] = waiting[:64], waiting[64:]
                await pool.execute(_INSERT, json.dumps([row for row, _ in group]))
                for _, written in group:
                    written.set_result(None)

    async def token(request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        client, _, secret = base64.b64decode(request.headers["authorization"][6:]).decode().partition(":")
        if not hmac.compare_digest(hashlib.sha256(secret.encode()).digest(), _SECRET):
            return JSONResponse({"error": "invalid_client"}, 401)
        claims = plain_claims(client)
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting.append(({"jti": claims["jti"], "client": client, "scope": form["scope"]}, written))
        came.set()
        raw = signed(header, claims, key)
        await written
        return JSONResponse({"access_token": raw, "token_type": "Bearer", "expires_in": 600, "scope": form["scope"]})

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        nonlocal pool
        async with asyncpg.create_pool(os.environ["DSN"], min_size=2, max_size=10) as pool:
            await pool.execute(_TABLE)
            task = asyncio.create_task(commit())
            yield
            task.cancel()

    return Starlette(routes=[Route("/token", token, methods=["POST"])], lifespan=lifespan)
