from collections.abc import AsyncIterator, Iterator

import pytest

from app.audit.service import AuditLog
from app.factors.password.blocklist import CommonPasswords
from app.factors.password.hashing import PasswordHasher
from app.factors.password.service import Passwords
from app.foundation.clock import Clock
from app.foundation.db import Database
from app.users.service import Users


@pytest.fixture(scope="session")
def common() -> CommonPasswords:
    return CommonPasswords()


@pytest.fixture
def hasher() -> Iterator[PasswordHasher]:
    made = PasswordHasher(threads=1, queue=8)
    yield made
    made.close()


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, pool_size=8)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def users() -> Users:
    return Users(Clock(), AuditLog(Clock()), signup_open=True)


@pytest.fixture
def passwords(db: Database, users: Users, hasher: PasswordHasher, common: CommonPasswords) -> Passwords:
    return Passwords(
        db,
        Clock(),
        users=users,
        hasher=hasher,
        common=common,
        min_length=8,
        public_url="https://login.acmecorp.example/auth",
    )
