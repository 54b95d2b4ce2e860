"""One of three web processes is killed, stopped or told to go under load: the others serve on."""

import asyncio
import os
import signal
import time

import pytest

from tests.faults.conftest import Deploy
from tests.faults.deployment import Deployment, length
from tests.faults.load import Load, percentile
from tests.faults.report import report, within

pytestmark = pytest.mark.anyio

WORKERS = 3
# What one worker may be answering at the moment of its death: in a run of seconds more than a share of all.
IN_FLIGHT = 8
# A Python program starts within a second of CPU; on two cores that others use too, it waits for its turn.
START_SLACK_SECONDS = 6
# Three processes, PostgreSQL and the load share two cores: a hundredth of the answers meets the scheduler's whims.
LATENCY_SLACK_SECONDS = 0.25


@pytest.mark.fault("F1")
async def test_a_killed_worker_takes_only_its_own_requests_along(deploy: Deploy) -> None:
    deployment = await deploy(workers=WORKERS)
    async with Load(deployment.url, rate=length(80, 150)) as load:
        async with load.running():
            await asyncio.sleep(length(2, 5))
            starts = deployment.starts()
            killed = time.monotonic()
            os.kill(deployment.pids()[0], signal.SIGKILL)
            replaced = await replacement(deployment, starts) - killed
            await asyncio.sleep(length(3, 5))
        found = await report("F1 (one of three killed)", load, deployment, healed_at=killed)
    print(f"F1: the next worker was there after {replaced:.2f} s")
    failed = [sample for sample in load.samples if not sample.ok]
    assert (found.lost, found.doubled, found.half) == (0, 0, {})
    assert found.errors <= 0.005 or len(failed) <= IN_FLIGHT, failed
    assert all(sample.started <= killed + 2 + load.stalled for sample in failed)
    # In the suite other tests share the machine: a start takes what the deployment's own has taken.
    assert replaced <= 3 + START_SLACK_SECONDS + length(deployment.start_seconds, 0) + load.stalled


@pytest.mark.fault("F2")
async def test_a_rolling_restart_refuses_nobody(deploy: Deploy) -> None:
    deployment = await deploy(workers=WORKERS, HTTP__DRAIN_SECONDS="1")
    async with Load(deployment.url, rate=length(50, 150)) as load:
        async with load.running():
            await asyncio.sleep(length(1, 5))
            for worker in deployment.pids()[: int(length(2, WORKERS))]:
                starts = deployment.starts()
                os.kill(worker, signal.SIGTERM)
                await replacement(deployment, starts)
                await asyncio.sleep(length(0.5, 3))
        found = await report("F2", load, deployment)
    assert [sample for sample in load.samples if not sample.ok] == []
    assert (found.lost, found.doubled, found.half) == (0, 0, {})
    assert deployment.unexpected() == []


@pytest.mark.fault("F3")
async def test_a_stopped_worker_holds_nothing_hostage(deploy: Deploy) -> None:
    deployment = await deploy(workers=WORKERS)
    # Each request on a connection of its own, which a stopped process does not accept.
    async with Load(deployment.url, rate=length(50, 100), keeps_connections=False) as load:
        async with load.running():
            for _ in range(int(length(1, 2))):
                start = time.monotonic()
                await asyncio.sleep(length(3, 5))
                stopped = time.monotonic()
                worker = deployment.pids()[0]
                os.kill(worker, signal.SIGSTOP)
                await asyncio.sleep(length(4, 10))
                os.kill(worker, signal.SIGCONT)
                woken = time.monotonic()
                await asyncio.sleep(length(1, 3))
        found = await report("F3", load, deployment)
    usual = percentile(within(load.samples, start, stopped), 0.99)
    # What had reached the stopped process waits for it; nobody else does.
    meanwhile = [sample for sample in within(load.samples, stopped, woken - 1) if sample.ended < woken]
    held = [
        sample for sample in within(load.samples, stopped - 1, woken) if sample.ended >= woken and sample.seconds > 1
    ]
    unhurt = percentile(meanwhile, 0.99)
    print(f"F3: p99 {usual * 1000:.0f} ms before, {unhurt * 1000:.0f} ms meanwhile; {len(held)} requests waited")
    assert (found.lost, found.doubled, found.half) == (0, 0, {})
    assert found.errors == 0
    assert len(held) <= 10
    assert unhurt <= 1.5 * usual + LATENCY_SLACK_SECONDS + load.stalled
    assert deployment.unexpected() == []


async def replacement(deployment: Deployment, starts: int) -> float:
    """When one more web process than `starts` had begun to serve."""
    async with asyncio.timeout(180):
        while deployment.starts() <= starts:
            await asyncio.sleep(0.05)
    return time.monotonic()
