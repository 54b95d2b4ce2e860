"""The application as it is put together: trust, routes, database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from sqlalchemy.ext.asyncio import create_async_engine

from auth_service_sdk import JWTAuthMiddleware
from todo_api import todos, trust
from todo_api.settings import Settings

PUBLIC = ["/docs", "/openapi.json", "/health"]


def create_app(settings: Settings) -> FastAPI:
    """Build the API. Raises ValueError for settings that cannot work."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.engine = create_async_engine(settings.database_url, pool_pre_ping=True)
        yield
        await app.state.engine.dispose()

    app = FastAPI(title="Todo API", lifespan=lifespan, exception_handlers={RequestValidationError: _refused})
    app.include_router(todos.router)
    app.add_api_route("/health", _health, include_in_schema=False)
    app.add_middleware(JWTAuthMiddleware, **trust.arguments(settings), public_paths=PUBLIC)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=[origin.strip() for origin in settings.cors_origins.split(",") if origin.strip()],
        allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=["Authorization", "Content-Type"],
        max_age=600,
    )
    return app


async def _health() -> dict[str, str]:
    return {"status": "ok"}


async def _refused(_: Request, error: Exception) -> JSONResponse:
    """422 without the input: FastAPI's own answer repeats it, and fails at what JSON cannot hold."""
    faults = error.errors() if isinstance(error, RequestValidationError) else ()
    return JSONResponse({"detail": [{name: fault[name] for name in ("loc", "msg", "type")} for fault in faults]}, 422)
