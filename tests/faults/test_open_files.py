"""More connections come than files may be open: the excess is refused, and once it leaves all is as before."""

import asyncio
import time
from contextlib import asynccontextmanager

import asyncpg
import psutil
import pytest

from tests.cli.running import get
from tests.faults.conftest import Deploy
from tests.faults.deployment import Deployment, length
from tests.faults.load import Load
from tests.faults.report import check_refusals, report

pytestmark = pytest.mark.anyio

OPEN_FILES = 256
AT_ONCE = 400
BACK_SECONDS = 2
# Between two attempts of one of the crowd.
PAUSE_SECONDS = 0.5
_CUT_OFF = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()"""


class Crowd:
    """Connections that stay open for as long as the service lets them, and come again when it does not."""

    def __init__(self, port: int) -> None:
        self.served = 0
        self.refused = 0
        self._port = port

    @asynccontextmanager
    async def pressing(self):
        work = [asyncio.create_task(self._press()) for _ in range(AT_ONCE)]
        try:
            yield self
        finally:
            for task in work:
                task.cancel()
            ended = await asyncio.gather(*work, return_exceptions=True)
        assert [error for error in ended if not isinstance(error, asyncio.CancelledError)] == []

    async def _press(self) -> None:
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            except OSError:
                self.refused += 1
            else:
                try:
                    await self._stay(reader, writer)
                finally:
                    writer.transport.abort()
            await asyncio.sleep(PAUSE_SECONDS)

    async def _stay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = await reader.read(65_536)
            if not answer:
                self.refused += 1
                return
            self.served += 1
            await reader.read()
        except OSError:
            self.refused += 1


@pytest.mark.fault("F24")
async def test_more_connections_than_open_files_are_refused_and_leave_nothing_behind(deploy: Deploy) -> None:
    deployment = await deploy(open_files=OPEN_FILES)
    (pid,) = deployment.pids()
    process = psutil.Process(pid)
    before, most = process.num_fds(), 0
    async with Load(deployment.url, rate=length(15, 50)) as load:
        async with load.running():
            await asyncio.sleep(length(0.5, 3))
            async with Crowd(deployment.port).pressing() as crowd:
                async with asyncio.timeout(30):
                    while not crowd.refused:
                        await asyncio.sleep(0.02)
                # From now on it needs files that it cannot have.
                cut = await cut_off(deployment)
                over = time.monotonic() + length(2, 15)
                while time.monotonic() < over:
                    most = max(most, process.num_fds())
                    await asyncio.sleep(0.02)
            left = time.monotonic()
            async with asyncio.timeout(BACK_SECONDS):
                while (await asyncio.to_thread(health, deployment.port)) != 200:
                    await asyncio.sleep(0.02)
            back = time.monotonic() - left
            await asyncio.sleep(length(2.5, 5))
        found = await report("F24", load, deployment, healed_at=left)
    print(
        f"F24: {crowd.served} of the crowd served, {crowd.refused} refused, {cut} database connections cut, "
        f"{before} files open before and {most} at most, health answers {back * 1000:.0f} ms after the crowd left"
    )
    assert (deployment.pids(), deployment.starts()) == ([pid], 1)
    assert process.is_running()
    assert crowd.served
    assert cut
    # Whoever had a connection was answered; new ones were closed unread, like the crowd's.
    check_refusals([sample for sample in load.samples if sample.status])
    assert most <= OPEN_FILES
    assert (found.lost, found.doubled, found.half) == (0, 0, {})
    assert found.first_success <= BACK_SECONDS
    assert all(sample.ok for sample in load.samples if sample.started >= left + BACK_SECONDS)
    assert deployment.unexpected() == []


async def cut_off(deployment: Deployment) -> int:
    """End every connection of the service to its database."""
    connection = await asyncpg.connect(deployment.database)
    try:
        return len(await connection.fetch(_CUT_OFF))
    finally:
        await connection.close()


def health(port: int) -> int:
    """On a connection of its own."""
    try:
        return get(f"http://localhost:{port}/health/ready")[0]
    except OSError:
        return 0
