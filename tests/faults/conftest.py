"""Production deployments in processes of their own, on durable engines that a drill may break.

`FULL_DRILLS=1` (what `make drills` sets) runs every drill at full length; without it each loads for seconds.
"""

import base64
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from app.foundation.engines.instance import Instance
from tests.cli.running import free_ports, run
from tests.faults import table
from tests.faults.deployment import FULL, Deployment, Engine, dsn
from tests.faults.proxy import Proxy
from tests.servers import database_named, execute

# Those of the second need what the tests beside them need, and no processes.
DRILLS = ("tests/faults/", "tests/signals/test_downstream_faults.py")
Deploy = Callable[..., Awaitable[Deployment]]


class Platform:
    """Durable engines and a migrated database, which each deployment gets a copy of."""

    def __init__(self, folder: Path, instance: Instance) -> None:
        self.folder = folder
        self.engines = instance.start()
        self.engine = Engine(instance)
        self._template = ""
        self._environment = {
            "REDIS__URL": self.engines.redis_url,
            "ENCRYPTION__KEYS": base64.urlsafe_b64encode(os.urandom(32)).decode(),
            "ACCOUNTS__HIDE_EXISTENCE": "false",
            "HTTP__DRAIN_SECONDS": "0",
            "PASSWORDS__HASH_QUEUE": "1000",
            # The load comes from one address.
            "LIMITS__LOGIN_PER_ACCOUNT": "100000",
            "LIMITS__LOGIN_PER_ADDRESS": "100000",
            "LIMITS__SIGNUP_PER_ADDRESS": "100000",
            "LIMITS__LOGIN_FAILURES": "1000000",
            "LIMITS__SPRAYING_ACCOUNTS": "1000000",
            "LIMITS__SPRAYING_ACCOUNTS_PER_NETWORK": "1000000",
            "JWT__REFRESH_GRACE_SECONDS": "60",
            "AUDIENCES__DECLARED": '[{"name":"orders-api","scopes":{"orders:read":null},"claims":["email"]}]',
        }

    async def database(self) -> str:
        """The address of a fresh, migrated database."""
        if not self._template:
            template = f"template_{uuid4().hex}"
            await execute(self.engines.database_url, f"CREATE DATABASE {template}")
            url = database_named(self.engines, template)
            migrated = run("migrate", environment=self._environment | {"DATABASE__URL": url} | public(1))
            assert migrated.returncode == 0, migrated.stderr
            self._template = template
        return await self.empty(template=self._template)

    async def empty(self, *, template: str = "template1") -> str:
        """The address of a new database without any schema of ours."""
        name = f"drill_{uuid4().hex}"
        await execute(self.engines.database_url, f"CREATE DATABASE {name} TEMPLATE {template}")
        return database_named(self.engines, name)

    def environment(self, database_url: str, port: int, changes: dict[str, str]) -> dict[str, str]:
        return self._environment | {"DATABASE__URL": database_url} | public(port) | changes


def public(port: int) -> dict[str, str]:
    return {"PUBLIC_URL": f"http://localhost:{port}"}


@pytest.fixture(autouse=True)
def _figures(record_property: Callable[[str, object], None]) -> Iterator[None]:
    """What a drill has noted goes with its result, for the table at the end."""
    table.take()
    yield
    record_property(table.PROPERTY, table.take())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One table of all drills, where they ran at full length."""
    if not FULL:
        return
    reports = [report for found in terminalreporter.stats.values() for report in found if hasattr(report, "when")]
    found = list(table.lines(report for report in reports if any(place in report.nodeid for place in DRILLS)))
    terminalreporter.section("drills")
    for line in table.table(found):
        terminalreporter.line(line)


@contextmanager
def raised() -> Iterator[Platform]:
    """A platform that lasts as long as the block."""
    with tempfile.TemporaryDirectory(prefix="drills-") as folder, Instance(Path(folder) / "data") as instance:
        platform = Platform(Path(folder), instance)
        yield platform
        # All of it is thrown away, so nothing need be written down first.
        instance.postgres.engine.send(signal.SIGQUIT)


@pytest.fixture(scope="session")
def platform() -> Iterator[Platform]:
    with raised() as platform:
        yield platform


@pytest.fixture
async def deploy(platform: Platform, tmp_path: Path) -> AsyncIterator[Deploy]:
    """Start a deployment: `await deploy(workers=3, PASSWORDS__HASH_QUEUE="10")`.

    `through` is a proxy that stands before the database.
    """
    with ExitStack() as stack:

        async def begin(
            *,
            workers: int = 1,
            through: Proxy | None = None,
            open_files: int | None = None,
            health: int = 200,
            **changes: str,
        ) -> Deployment:
            url, port = await platform.database(), free_ports(3)
            name = url.partition("?")[0].rpartition("/")[2]
            reached = url if through is None else f"postgresql+asyncpg://auth@127.0.0.1:{through.port}/{name}"
            environment = platform.environment(reached, port, changes)
            deployment = Deployment(
                environment,
                port,
                tmp_path / f"service-{port}.log",
                workers=workers,
                database=dsn(url),
                open_files=open_files,
                health=health,
            )
            stack.callback(deployment.stop)
            deployment.start()
            return deployment

        yield begin


@pytest.fixture
async def deployment(deploy: Deploy) -> Deployment:
    """One web process."""
    return await deploy()


@pytest.fixture
def proxy(platform: Platform) -> Iterator[Proxy]:
    """A proxy that stands before the database."""
    with Proxy(platform.engine.socket) as standing:
        yield standing
