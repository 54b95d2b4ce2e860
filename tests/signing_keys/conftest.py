"""A migrated database without any key."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from app.foundation.engines.lock import Engines
from app.migrations.run import migrate
from tests.signing_keys.support import Deployment, execute, sibling
from tests.support import RUN

TEMPLATE = f"template_without_keys_{RUN}"


@pytest.fixture(scope="session")
async def empty_template(engines: Engines, anyio_backend: str) -> str:
    await execute(engines.database_url, f"CREATE DATABASE {TEMPLATE}")
    await migrate(sibling(engines.database_url, TEMPLATE), datetime.now(UTC))
    return TEMPLATE


@asynccontextmanager
async def empty_database(engines: Engines, template: str) -> AsyncIterator[str]:
    name = f"k_{uuid4().hex}"
    await execute(engines.database_url, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield sibling(engines.database_url, name)
    await execute(engines.database_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def deployment(engines: Engines, empty_template: str) -> AsyncIterator[Deployment]:
    async with empty_database(engines, empty_template) as url, AsyncExitStack() as stack:
        yield Deployment(url, stack)


@pytest.fixture(scope="module")
async def shared_deployment(engines: Engines, empty_template: str) -> AsyncIterator[Deployment]:
    """For tests that only read."""
    async with empty_database(engines, empty_template) as url, AsyncExitStack() as stack:
        yield Deployment(url, stack)
