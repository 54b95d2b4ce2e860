"""Real engines for every test worker, and a fresh copy of the migrated database for every test."""

import asyncio
import base64
import contextlib
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from redis.asyncio import Redis

from app.foundation.engines.instance import Instance
from app.foundation.engines.lock import Engines
from app.main import create_app
from app.migrations.run import migrate
from app.settings import Settings
from app.wiring import Services, build
from tests.administrators import Administrators
from tests.mailbox import Mailbox, mailbox_of
from tests.order import arranged
from tests.servers import database_named, database_of_this_run, execute, given_servers, quick_folder
from tests.support import ISSUER, RUN, Events, People
from tools.keycloak import server
from tools.keycloak.admin import Admin
from tools.keycloak.distribution import FOLDER, KeycloakMissing
from tools.keycloak.server import Keycloak

ENCRYPTION_KEY = base64.urlsafe_b64encode(os.urandom(32)).decode()
# Generated keys sign, unless the environment brings a pair.
GIVEN_KEYS = {
    name: os.environ[variable]
    for name in ("private_key_pem", "public_key_pem")
    if (variable := f"JWT__{name.upper()}") in os.environ
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    if workers > 1:
        items[:] = arranged(items, workers)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def engines(worker_id: str) -> Iterator[Engines]:
    """Embedded engines, or the servers that DATABASE__URL and REDIS__URL name in the environment."""
    own = given_servers(os.environ, worker_id)
    # Not in pytest's own temporary folder: the user that root's engines may have to run as cannot enter it.
    with (
        tempfile.TemporaryDirectory(prefix="engines-", dir=quick_folder()) as folder,
        Instance(Path(folder), durable=False, database_url=own.database_url, redis_url=own.redis_url) as instance,
        database_of_this_run(instance.start()) as engines,
    ):
        yield engines


@pytest.fixture(scope="session")
async def template(engines: Engines, anyio_backend: str) -> str:
    """A migrated database with its first signing keys and two audiences, which each test gets a copy of."""
    name = f"template_spine_{RUN}"
    await execute(engines.database_url, f"CREATE DATABASE {name}")
    url = database_named(engines, name)
    await migrate(url, datetime.now(UTC))
    services = build(settings_for(url, engines))
    await services.open()
    await services.close()
    return name


def settings_for(database_url: str, engines: Engines, **overrides: object) -> Settings:
    declared = [
        {"name": "orders-api", "scopes": {"orders:read": None, "orders:write": "orders:write"}, "claims": ["email"]},
        {"name": "billing-api", "scopes": {"billing:read": None}},
    ]
    values: dict[str, object] = {
        "environment": "development",
        "public_url": ISSUER,
        # Patient: what a crowd of requests waits for on a busy machine is no fault that a test looks for.
        "database": {"url": database_url, "pool_size": 8, "answer_seconds": 10},
        "redis": {"url": engines.redis_url},
        "encryption": {"keys": ENCRYPTION_KEY},
        "audiences": {"declared": declared},
        "jwt": GIVEN_KEYS,
    }
    return Settings(**(values | overrides))


async def forget_attempts(engines: Engines) -> None:
    """Empty Valkey, so that no test meets the limits that another used up."""
    async with Redis.from_url(engines.redis_url) as client:
        await client.flushdb()


@contextlib.asynccontextmanager
async def copied(engines: Engines, template: str) -> AsyncIterator[str]:
    """The address of a copy of the migrated database, and no attempts counted."""
    name = f"t_{uuid4().hex}"
    await forget_attempts(engines)
    await execute(engines.database_url, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    yield database_named(engines, name)
    await execute(engines.database_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def database_url(engines: Engines, template: str) -> AsyncIterator[str]:
    async with copied(engines, template) as url:
        yield url


@pytest.fixture
def settings(database_url: str, engines: Engines) -> Settings:
    return settings_for(database_url, engines)


@pytest.fixture
async def services(settings: Settings) -> AsyncIterator[Services]:
    built = build(settings)
    await built.open()
    yield built
    await built.close()


@pytest.fixture
async def api(services: Services) -> AsyncIterator[httpx2.AsyncClient]:
    """The service's public surface."""
    async with client_of(services) as client:
        yield client


def client_of(services: Services) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(create_app(services=services))
    return httpx2.AsyncClient(transport=transport, base_url=ISSUER)


@pytest.fixture(scope="module")
async def steady_services(engines: Engines, template: str) -> AsyncIterator[Services]:
    """Services that the tests of a module share, for requests that change nothing."""
    async with copied(engines, template) as url:
        services = build(settings_for(url, engines))
        await services.open()
        yield services
        await services.close()


@pytest.fixture(scope="module")
async def steady_api(steady_services: Services) -> AsyncIterator[httpx2.AsyncClient]:
    """Their public surface."""
    async with client_of(steady_services) as client:
        yield client


@pytest.fixture(scope="module")
async def steady_tokens(steady_api: httpx2.AsyncClient) -> dict[str, Any]:
    """Those of somebody who has an account there, ann@example.com."""
    return await People(steady_api).signed_in()


@pytest.fixture(scope="module")
async def steady_admin(steady_api: httpx2.AsyncClient, steady_services: Services) -> dict[str, str]:
    """The headers of an administrator there who may do everything."""
    return await Administrators(steady_api, steady_services).all_powerful()


@pytest.fixture
async def fresh_attempts(engines: Engines) -> None:
    """For who shares services: the limits are those of a first visit."""
    await forget_attempts(engines)


@pytest.fixture
def events(services: Services) -> Events:
    """What the audit log and the table of events hold."""
    return Events(services)


@pytest.fixture
async def mailbox(services: Services) -> AsyncIterator[Mailbox]:
    """A real mail server and a worker that delivers to it: see `tests.mailbox.Mailbox`."""
    async with mailbox_of(services) as box:
        yield box


@pytest.fixture
def people(api: httpx2.AsyncClient) -> People:
    return People(api)


@pytest.fixture
def admins(api: httpx2.AsyncClient, services: Services) -> Administrators:
    return Administrators(api, services)


@pytest.fixture(scope="session")
async def keycloak(testrun_uid: str, anyio_backend: str) -> AsyncIterator[Keycloak]:
    """The one Keycloak of this run, shared by its workers: make a realm of your own in it. See `tools.keycloak`.

    Where it cannot be had the test skips and says why, and in CI it fails.
    """
    with contextlib.ExitStack() as stack:
        try:
            # In a thread: what serves in this loop goes on meanwhile.
            server_of_run = server.running(FOLDER / "runs" / testrun_uid)
            running = await asyncio.to_thread(stack.enter_context, server_of_run)
        except KeycloakMissing as error:
            if os.environ.get("CI") == "true":
                pytest.fail(str(error))
            pytest.skip(str(error))
        yield running


@pytest.fixture
async def keycloak_admin(keycloak: Keycloak) -> AsyncIterator[Admin]:
    """Who administers it."""
    async with Admin(keycloak) as admin:
        yield admin
