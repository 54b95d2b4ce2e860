from collections.abc import AsyncIterator

import httpx2
import pytest

from app.foundation.engines.lock import Engines
from app.settings import Settings
from app.wiring import build
from tests.conftest import client_of, settings_for


async def serve(settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    services = build(settings)
    await services.open()
    async with client_of(services) as client:
        yield client
    await services.close()


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
