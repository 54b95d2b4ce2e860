"""Trusts auth-service: AUTH_BASE_URL=http://localhost:8000 uvicorn examples.orders_api.main:app --port 8001."""

import os
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from fastapi.security import OAuth2PasswordBearer

from auth_service_sdk import (
    APIKeyAuthMiddleware,
    Identity,
    JWTAuthMiddleware,
    require_action_token,
    require_api_key,
    require_fresh_auth,
    require_role,
    require_scope,
    require_user,
)

TOTALS = {1: 249.0, 2: 119.0}
BASE_URL, PUBLIC = os.environ.get("AUTH_BASE_URL", "http://localhost:8000"), ["/docs", "/openapi.json"]
# Gives /docs its Authorize form, and checks nothing: who may come in is said by the rules below.
form = OAuth2PasswordBearer(tokenUrl=f"{BASE_URL}/token?audience=orders-api", auto_error=False)
app = FastAPI(title="orders-api", dependencies=[Depends(form)])
GUARDED: dict[str, Any] = {"auth_base_url": BASE_URL, "expected_audience": "orders-api", "public_paths": PUBLIC}
app.add_middleware(JWTAuthMiddleware, **GUARDED)
app.add_middleware(APIKeyAuthMiddleware, **GUARDED)


@app.get("/orders")
async def orders(user: Annotated[Identity, Depends(require_user)]) -> dict[str, Any]:
    """Any user whose token was minted for this service."""
    return {"for": user.email, "orders": [{"id": number, "total": total} for number, total in TOTALS.items()]}


@app.get("/whoami")
async def whoami(user: Annotated[Identity, Depends(require_user)]) -> dict[str, Any]:
    """Everything the token says of its bearer."""
    return asdict(user)


@app.get("/machine")
async def machine(key: Annotated[Identity, Depends(require_api_key)]) -> dict[str, Any]:
    """Machines with an API key for this service."""
    return {"owner": key.sub, "key": key.claims["name"], "scopes": key.scopes}


@app.get("/admin")
async def admin(user: Annotated[Identity, Depends(require_role("admin"))]) -> dict[str, Any]:
    """Users with the role `admin` here."""
    return {"admin": user.email, "orders": len(TOTALS)}


@app.get("/reports", dependencies=[Depends(require_scope("orders:read"))])
async def reports() -> dict[str, Any]:
    """Tokens with the scope `orders:read`."""
    return {"revenue": sum(TOTALS.values())}


@app.get("/fresh", dependencies=[Depends(require_fresh_auth(max_age=300))])
async def fresh() -> dict[str, str]:
    """Users who proved who they are within the last five minutes."""
    return {"message": "you signed in a moment ago"}


@app.post("/orders/{number}/refund", dependencies=[Depends(require_action_token("orders.refund"))])
async def refund(number: int) -> dict[str, Any]:
    """Users who confirmed this very act a moment ago."""
    return {"refunded": number}
