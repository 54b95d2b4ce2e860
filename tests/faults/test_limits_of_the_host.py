"""A process that may open few files, and one that works for long: it refuses, recovers, and does not grow."""

import asyncio
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx2
import psutil
import pytest

from tests.faults.conftest import Deploy
from tests.faults.deployment import length
from tests.faults.load import Load
from tests.faults.report import report
from tests.faults.table import note

pytestmark = pytest.mark.anyio

FILES = 256
CROWD = 400


@contextmanager
def few_files(most: int) -> Iterator[None]:
    """Let what is started meanwhile open no more files than that; this process may again afterwards."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.fault("F24")
async def test_a_process_out_of_files_serves_again_as_soon_as_there_are_some(deploy: Deploy) -> None:
    with few_files(FILES):
        deployment = await deploy()
    before = deployment.starts()
    with ExitStack() as stack:
        for _ in range(CROWD):
            stack.enter_context(socket.create_connection(("127.0.0.1", deployment.port), timeout=10))
        process = psutil.Process(deployment.pids()[0])
        deadline = time.monotonic() + 30
        while process.num_fds() < FILES - 20 and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        most = process.num_fds()
    freed = time.monotonic()
    async with httpx2.AsyncClient(base_url=deployment.url, timeout=30, trust_env=False) as client:
        answer = await client.get("/health/live")
        back = time.monotonic() - freed
        ready = await client.get("/health/ready")
    print(f"F24: {most} of {FILES} files open, answers {back:.2f} s after they were closed")
    note("F24", requests=CROWD, first_success=f"{back * 1000:.0f} ms")
    assert most >= FILES - 20
    assert (answer.status_code, ready.status_code) == (200, 200)
    assert back <= length(10, 2)
    assert deployment.starts() == before
    assert process.is_running()


@pytest.mark.fault("F28")
async def test_a_process_that_works_for_long_does_not_grow(deploy: Deploy) -> None:
    deployment = await deploy()
    process = psutil.Process(deployment.pids()[0])
    async with Load(deployment.url, rate=length(40, 150)) as load:
        async with load.running():
            await asyncio.sleep(length(3, 300))
            began, files = process.memory_info().rss, process.num_fds()
            await asyncio.sleep(length(5, 1800))
            grown, more = process.memory_info().rss / began - 1, process.num_fds() - files
        found = await report("F28", load, deployment)
    print(f"F28: memory {grown:+.1%} from {began / 2**20:.0f} MiB, {more:+d} files")
    assert (found.lost, found.doubled, found.half) == (0, 0, {})
    # Within seconds caches still fill.
    assert grown < length(0.25, 0.05)
    assert more <= 40
    assert deployment.unexpected() == []
