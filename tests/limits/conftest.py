"""Services with the limits of production, and people who come from chosen addresses."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import httpx2
import pytest

from app.foundation.engines.lock import Engines
from app.main import create_app
from app.settings import Settings
from app.wiring import Services
from tests.conftest import settings_for
from tests.support import ISSUER

From = Callable[..., httpx2.AsyncClient]


@pytest.fixture
def settings(database_url: str, engines: Engines) -> Settings:
    return narrow(database_url, engines)


def narrow(database_url: str, engines: Engines, **overrides: object) -> Settings:
    """Production, where no limit is widened."""
    values: dict[str, object] = {
        "environment": "production",
        "accounts": {"hide_existence": False},
        "passwords": {"hash_queue": 1000},
        # A busy machine must not make these tests count without Valkey.
        "redis": {"url": engines.redis_url, "answer_seconds": 10},
    }
    return settings_for(database_url, engines, **(values | overrides))


@pytest.fixture
async def sender() -> AsyncIterator[From]:
    """Clients of a service by the address that they come from: `sender(services, "192.0.2.7")`."""
    async with AsyncExitStack() as stack:
        opened: dict[tuple[int, str], httpx2.AsyncClient] = {}

        def client(services: Services, ip: str = "127.0.0.1") -> httpx2.AsyncClient:
            if (id(services), ip) not in opened:
                transport = httpx2.ASGITransport(create_app(services=services), client=(ip, 1234))
                opened[id(services), ip] = httpx2.AsyncClient(transport=transport, base_url=ISSUER)
                stack.push_async_callback(opened[id(services), ip].aclose)
            return opened[id(services), ip]

        yield client


async def log_in(
    client: httpx2.AsyncClient, email: str = "ann@example.com", password: str = "wrong guess"
) -> httpx2.Response:
    return await client.post("/auth/login", json={"email": email, "password": password})
