from collections.abc import AsyncIterator

import httpx2
import pytest

from app.foundation.engines.lock import Engines
from app.main import create_app
from app.settings import Settings
from app.wiring import Services, build
from tests.conftest import settings_for
from tests.servers import database_named, execute
from tests.support import ISSUER, RUN


async def serve(settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    services = build(settings)
    await services.open()
    async with client_of(services) as client:
        yield client
    await services.close()


def client_of(services: Services) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(create_app(services=services))
    return httpx2.AsyncClient(transport=transport, base_url=ISSUER)


@pytest.fixture(scope="module")
async def steady_services(engines: Engines, template: str) -> AsyncIterator[Services]:
    """A service for many requests that change nothing."""
    await execute(engines.database_url, f"CREATE DATABASE steady_{RUN} TEMPLATE {template}")
    services = build(settings_for(database_named(engines, f"steady_{RUN}"), engines))
    await services.open()
    yield services
    await services.close()
    await execute(engines.database_url, f"DROP DATABASE steady_{RUN} WITH (FORCE)")


@pytest.fixture(scope="module")
async def steady_api(steady_services: Services) -> AsyncIterator[httpx2.AsyncClient]:
    async with client_of(steady_services) as client:
        yield client


@pytest.fixture
async def hiding_api(database_url: str, engines: Engines) -> AsyncIterator[httpx2.AsyncClient]:
    """A service that tells nobody who has an account."""
    async for client in serve(settings_for(database_url, engines, accounts={"hide_existence": True})):
        yield client


@pytest.fixture
async def closed_api(database_url: str, engines: Engines) -> AsyncIterator[httpx2.AsyncClient]:
    """A service where an operator makes the accounts."""
    async for client in serve(settings_for(database_url, engines, accounts={"signup_open": False})):
        yield client


@pytest.fixture
async def busy_api(database_url: str, engines: Engines) -> AsyncIterator[httpx2.AsyncClient]:
    """A service that hashes one password at a time and lets two wait."""
    async for client in serve(settings_for(database_url, engines, passwords={"hash_threads": 1, "hash_queue": 2})):
        yield client
