"""The memory of a web process is capped: what needs more is refused in words, and given room it goes on as before."""

import asyncio
import resource
import signal
import time

import psutil
import pytest

from tests.faults.conftest import Deploy
from tests.faults.deployment import length
from tests.faults.load import Load
from tests.faults.report import check_refusals, report

pytestmark = pytest.mark.anyio

# Less than it takes to check one password, and enough for all else.
ROOM_BYTES = 10 * 2**20
BACK_SECONDS = length(10, 2)
MIX = {"verify": 0.5, "refresh": 0.2, "sign in": 0.28, "sign out": 0.02}


@pytest.mark.fault("F24")
@pytest.mark.fault("F1")
async def test_a_process_whose_memory_is_capped_refuses_recovers_and_loses_nothing_when_it_is_killed(
    deploy: Deploy,
) -> None:
    deployment = await deploy()
    (pid,) = deployment.pids()
    async with Load(deployment.url, rate=length(20, 30), mix=MIX) as load:
        async with load.running():
            await asyncio.sleep(length(1, 5))
            await cap(pid)
            capped = time.monotonic()
            await until_refused(load, since=capped)
            await asyncio.sleep(length(0.5, 10))
            resource.prlimit(pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            lifted = time.monotonic()
            await until_signed_in(load, since=lifted)
            back = time.monotonic() - lifted
            await asyncio.sleep(length(0.2, 5))
            # And what the kernel does in the end, to whoever takes most.
            await cap(pid)
            await until_refused(load, since=time.monotonic())
            await asyncio.to_thread(deployment.end, signal.SIGKILL)
            await asyncio.to_thread(deployment.start)
            restarted = time.monotonic()
            await until_signed_in(load, since=restarted)
        found = await report("F24 (memory)", load, deployment, healed_at=restarted)
    refused = [sample for sample in load.samples if sample.status == 503]
    print(f"F24: {len(refused)} refused for want of memory, sign-ins again {back * 1000:.0f} ms after there was room")
    # A password that could not be checked is not called wrong.
    check_refusals([sample for sample in load.samples if sample.status])
    assert (found.lost, found.doubled, found.half) == (0, 0, {})
    assert back <= BACK_SECONDS
    assert deployment.unexpected() == []


async def cap(pid: int) -> None:
    """Let a process take hardly more memory than it has between two passwords."""
    process, sizes = psutil.Process(pid), []
    for _ in range(30):
        sizes.append(process.memory_info().vms)
        await asyncio.sleep(0.01)
    resource.prlimit(pid, resource.RLIMIT_AS, (min(sizes) + ROOM_BYTES, resource.RLIM_INFINITY))


async def until_refused(load: Load, *, since: float) -> None:
    async with asyncio.timeout(60):
        while not any(sample.status == 503 and sample.ended > since for sample in load.samples):
            await asyncio.sleep(0.02)


async def until_signed_in(load: Load, *, since: float) -> None:
    async with asyncio.timeout(60):
        while not any(each.kind == "sign in" and each.ok and each.started > since for each in load.samples):
            await asyncio.sleep(0.02)
