"""Another service behind the same sign-in. A token minted for orders-api is refused here.

AUTH_BASE_URL=http://localhost:8000 uvicorn examples.billing_api.main:app --port 8002
"""

import os
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Depends, FastAPI

from auth_service_sdk import Identity, JWTAuthMiddleware, require_user

INVOICES = [{"id": "2026-001", "total": 249.0}, {"id": "2026-002", "total": 119.0}]

app = FastAPI(title="billing-api")
app.add_middleware(
    JWTAuthMiddleware,
    auth_base_url=os.environ.get("AUTH_BASE_URL", "http://localhost:8000"),
    expected_audience="billing-api",
    public_paths=["/docs", "/openapi.json"],
)


@app.get("/invoices")
async def invoices(user: Annotated[Identity, Depends(require_user)]) -> dict[str, Any]:
    """Any user whose token was minted for this service."""
    return {"for": user.email, "invoices": INVOICES}


@app.get("/whoami")
async def whoami(user: Annotated[Identity, Depends(require_user)]) -> dict[str, Any]:
    """Everything the token says of its bearer."""
    return asdict(user)
