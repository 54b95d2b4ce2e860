"""The downstream service, guarded and not: each function builds one for `uvicorn --factory`."""

import os
from typing import Annotated, Any

from fastapi import Depends, FastAPI

from auth_service_sdk import (
    Identity,
    Introspection,
    JWTAuthMiddleware,
    OIDCIssuer,
    require_live_session,
    require_scope,
    require_user,
)
from bench.peers.introspection import CLIENT_ID, CLIENT_SECRET

AUDIENCE = "orders-api"
ORDERS: dict[str, Any] = {"orders": [{"id": 1, "total": 249.0}, {"id": 2, "total": 119.0}]}


def unprotected() -> FastAPI:
    """A route that asks nobody anything."""
    app = FastAPI()

    @app.get("/orders")
    async def orders() -> dict[str, Any]:
        return ORDERS

    return app


def with_dependency() -> FastAPI:
    """The same with a dependency that does nothing: what FastAPI itself takes for one."""
    app = FastAPI()

    async def nothing() -> dict[str, str]:
        return {"sub": "x"}

    @app.get("/orders")
    async def orders(user: Annotated[dict[str, str], Depends(nothing)]) -> dict[str, Any]:
        return ORDERS

    return app


def guarded() -> FastAPI:
    """The first behind the middleware."""
    return _guard(unprotected())


def guarded_with_identity() -> FastAPI:
    """The second behind the middleware, with the identity as its dependency."""
    app = FastAPI()

    @app.get("/orders")
    async def orders(user: Annotated[Identity, Depends(require_user)]) -> dict[str, Any]:
        return ORDERS

    return _guard(app)


def guarded_with_scope() -> FastAPI:
    """A route with a rule: a dependency that has one itself."""
    app = FastAPI()

    @app.get("/orders")
    async def orders(user: Annotated[Identity, Depends(require_scope("orders:read"))]) -> dict[str, Any]:
        return ORDERS

    return _guard(app)


def guarded_that_asks() -> FastAPI:
    """A route that has the service asked about its session at each request."""
    app = FastAPI()

    @app.get("/orders")
    async def orders(user: Annotated[Identity, Depends(require_live_session)]) -> dict[str, Any]:
        return ORDERS

    return _guard(app)


def guarded_by_keycloak() -> FastAPI:
    """The first behind the middleware, which trusts a Keycloak."""
    return _trusting(None)


def asking_keycloak() -> FastAPI:
    """The same that asks Keycloak about each token, and keeps an answer for the five seconds of the default."""
    return _trusting(Introspection(client_id=CLIENT_ID, client_secret=CLIENT_SECRET))


def _trusting(introspection: Introspection | None) -> FastAPI:
    app = unprotected()
    issuer = OIDCIssuer(
        os.environ["KEYCLOAK_ISSUER"], audience=AUDIENCE, preset="keycloak", introspection=introspection
    )
    app.add_middleware(JWTAuthMiddleware, issuer=issuer)
    return app


def _guard(app: FastAPI) -> FastAPI:
    app.add_middleware(JWTAuthMiddleware, auth_base_url=os.environ["AUTH_BASE_URL"], expected_audience=AUDIENCE)
    return app
