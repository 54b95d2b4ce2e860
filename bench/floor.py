"""The floor of a refresh: what a bare Starlette route needs for one durable rotation and one ES256 signature.

It rotates by one compare-and-set statement on asyncpg's pool as it comes. Nothing else is checked, recorded or
logged, and nobody's roles are looked up: no honest service can be cheaper in this stack.
"""

import base64
import hashlib
import json
import os
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

TABLE = """
    CREATE TABLE IF NOT EXISTS bench_refresh_tokens (
      token_hash bytea PRIMARY KEY, subject text NOT NULL, expires_at timestamptz NOT NULL,
      spent_at timestamptz, successor_hash bytea
    )"""
SEED = "INSERT INTO bench_refresh_tokens VALUES ($1, 'someone', now() + interval '1 day')"
_ROTATE = """
    WITH spent AS (
      UPDATE bench_refresh_tokens SET spent_at = now(), successor_hash = $2
      WHERE token_hash = $1 AND spent_at IS NULL AND expires_at > now() RETURNING subject, expires_at
    ), successor AS (
      INSERT INTO bench_refresh_tokens SELECT $2, subject, expires_at FROM spent
    ) SELECT subject FROM spent"""


def token_hash(token: str) -> bytes:
    """What is stored of a token."""
    return hashlib.sha256(token.encode()).digest()


def application() -> Starlette:
    """The floor, for `uvicorn --factory`."""
    key = ec.generate_private_key(ec.SECP256R1())
    header = encoded(json.dumps({"alg": "ES256", "kid": secrets.token_urlsafe(32), "typ": "at+jwt"}).encode())
    pool: asyncpg.Pool

    async def refresh(request: Request) -> Response:
        successor = secrets.token_urlsafe(32)
        spent = token_hash((await request.json())["refresh_token"])
        row = await pool.fetchrow(_ROTATE, spent, token_hash(successor))
        if row is None:
            return JSONResponse({"error": "invalid_grant"}, 400)
        token = signed(header, plain_claims(row["subject"]), key)
        return JSONResponse(
            {"access_token": token, "token_type": "Bearer", "expires_in": 600, "refresh_token": successor}
        )

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        nonlocal pool
        async with asyncpg.create_pool(os.environ["DSN"], min_size=10, max_size=10) as pool:
            yield

    return Starlette(routes=[Route("/refresh", refresh, methods=["POST"])], lifespan=lifespan)


def plain_claims(subject: str) -> dict[str, Any]:
    """The claims of an access token, with nothing looked up."""
    now = int(time.time())
    return {
        "iss": "http://127.0.0.1:8000",
        "sub": subject,
        "aud": "orders-api",
        "client_id": "first-party",
        "iat": now,
        "exp": now + 600,
        "jti": secrets.token_urlsafe(16),
        "scope": "orders:read",
    }


def signed(header: bytes, claims: dict[str, Any], key: ec.EllipticCurvePrivateKey) -> str:
    """A compact token by ES256."""
    signed = header + b"." + encoded(json.dumps(claims).encode())
    r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(SHA256())))
    return (signed + b"." + encoded(r.to_bytes(32, "big") + s.to_bytes(32, "big"))).decode()


def encoded(value: bytes) -> bytes:
    """Unpadded base64url."""
    return base64.urlsafe_b64encode(value).rstrip(b"=")
