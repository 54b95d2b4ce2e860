"""The route, and what of the service its guards need."""

import json
import os
import urllib.request
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from fastapi.security import OAuth2PasswordBearer

AUDIENCE = "orders-api"
ORDERS: dict[str, Any] = {"orders": [{"id": 1, "total": 249.0}, {"id": 2, "total": 119.0}]}
BearerToken = Annotated[str, Depends(OAuth2PasswordBearer("token"))]


def unprotected() -> FastAPI:
    """A route that asks nobody anything: the peers' reference."""
    app = FastAPI()

    @app.get("/orders")
    async def orders() -> dict[str, Any]:
        return ORDERS

    return app


def guarded(guard: Callable[..., Any]) -> FastAPI:
    """The route with a dependency that yields whoever asks."""
    app = FastAPI()

    @app.get("/orders")
    async def orders(user: Annotated[Any, Depends(guard)]) -> dict[str, Any]:
        return ORDERS

    return app


def issuer() -> str:
    """Who issued the tokens."""
    return os.environ["AUTH_BASE_URL"]


def key_set() -> dict[str, Any]:
    """The service's keys, asked for once."""
    with urllib.request.urlopen(f"{issuer()}/.well-known/jwks.json", timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
    return found
