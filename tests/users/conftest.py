from collections.abc import AsyncIterator

import pytest

from app.audit.service import AuditLog
from app.foundation.clock import Clock
from app.foundation.db import Database
from app.users.service import Users


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, pool_size=8)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def users() -> Users:
    return Users(Clock(), AuditLog(Clock()), signup_open=True)
