"""A process that works for long does not grow."""

import asyncio

import psutil
import pytest

from tests.faults.conftest import Deploy
from tests.faults.deployment import length
from tests.faults.load import Load
from tests.faults.report import report

pytestmark = pytest.mark.anyio


@pytest.mark.fault("F28")
async def test_a_process_that_works_for_long_does_not_grow(deploy: Deploy) -> None:
    deployment = await deploy()
    process = psutil.Process(deployment.pids()[0])
    async with Load(deployment.url, rate=length(40, 150)) as load:
        async with load.running():
            await asyncio.sleep(length(3, 120))
            began, files = process.memory_info().rss, process.num_fds()
            await asyncio.sleep(length(5, 1800))
            grown, more = process.memory_info().rss / began - 1, process.num_fds() - files
        found = await report("F28", load, deployment)
    print(f"F28: memory {grown:+.1%} from {began / 2**20:.0f} MiB, {more:+d} files")
    assert (found.lost, found.doubled, found.half) == (0, 0, {})
    # Within seconds caches still fill.
    assert grown < length(0.25, 0.05)
    # Connections of the load and of the pools among them, which within seconds are still being opened.
    assert more <= length(200, 40)
    assert deployment.unexpected() == []
