from collections.abc import AsyncIterator

import pytest

from app.audit.service import AuditLog
from app.foundation.clock import Clock
from app.foundation.db import Database
from app.users.service import Users
from app.wiring import Services


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, pool_size=8)
    await database.open()
    yield database
    await database.close()


@pytest.fixture(scope="module")
def steady_db(steady_services: Services) -> Database:
    """A database that the tests of a module share, each with users of its own."""
    return steady_services.db


@pytest.fixture
def users() -> Users:
    return Users(Clock(), AuditLog(Clock()), signup_open=True)
