"""Applications that the tests of the server start in a process of their own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.foundation import health
from app.foundation.draining import STATE_KEY
from app.foundation.errors import StartupRefused
from app.foundation.health import Health
from app.foundation.provide import install
from app.foundation.routing import Router
from app.main import Application
from tests.edge.support import policy, router


def create() -> Application:
    """A whole application with a route that takes its time."""
    edge = policy()
    slow = Router(tags=["slow"])

    @slow.get("/slow")
    async def take_time(seconds: float) -> dict[str, str]:
        await asyncio.sleep(seconds)
        return {"status": "done"}

    @asynccontextmanager
    async def lifespan(_: Application) -> AsyncIterator[dict[str, object]]:
        yield {STATE_KEY: edge.drain}

    app = Application(router, slow, health.router, policy=edge, lifespan=lifespan)
    install(app, Health([], edge.drain))
    return app


def refuse() -> Application:
    """An application whose settings are wrong."""
    raise StartupRefused("PUBLIC_URL: This is required.")


def refuse_late() -> Application:
    """An application that refuses once it has looked at its data."""

    @asynccontextmanager
    async def lifespan(_: Application) -> AsyncIterator[None]:
        if _ is not None:
            raise StartupRefused("ENCRYPTION__KEYS does not hold the key 1a2b3c4d.")
        yield

    return Application(policy=policy(), lifespan=lifespan)


def break_late() -> Application:
    """An application that breaks at its start."""

    @asynccontextmanager
    async def lifespan(_: Application) -> AsyncIterator[None]:
        if _ is not None:
            raise RuntimeError("a fault of ours")
        yield

    return Application(policy=policy(), lifespan=lifespan)
