import asyncpg
import pytest

from app.foundation.dsn import driver_dsn


@pytest.fixture
async def connection(database_url):
    connection = await asyncpg.connect(driver_dsn(database_url))
    yield connection
    await connection.close()
