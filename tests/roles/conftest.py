from collections.abc import AsyncIterator

import pytest

from app.foundation.engines.lock import Engines
from tests.audiences.support import Registry, database_beside, empty, opened_registry


@pytest.fixture(scope="session")
async def shared_database(engines: Engines, template: str, anyio_backend: str) -> str:
    """One database for the tests of this folder, which each empty it before they begin."""
    return await database_beside(engines.database_url, template, "roles")


@pytest.fixture
async def database_url(shared_database: str) -> str:
    await empty(shared_database)
    return shared_database


@pytest.fixture
async def registry(database_url: str) -> AsyncIterator[Registry]:
    async with opened_registry(database_url) as opened:
        yield opened
