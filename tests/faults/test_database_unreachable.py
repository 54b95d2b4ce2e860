"""The network to PostgreSQL swallows packets or is slow: every answer has an end, and no error lasts."""

import asyncio
import time

import pytest

from app.revocation.lookup import FRESH_SECONDS
from tests.faults.conftest import Deploy
from tests.faults.deployment import length
from tests.faults.follower import verifying
from tests.faults.load import MIX, Load, percentile
from tests.faults.proxy import Fault, Proxy
from tests.faults.report import check_refusals, report, within
from tests.support import bearer

pytestmark = pytest.mark.anyio

# What the load's own client and the scheduler of a busy machine of two cores add to an answer, in seconds.
SLACK_SECONDS = length(2, 0.4)
SLOWER_SECONDS = 0.2


@pytest.mark.fault("F7")
async def test_a_database_that_swallows_packets_holds_nobody_for_long(deploy: Deploy, proxy: Proxy) -> None:
    deployment = await deploy(workers=2, through=proxy)
    async with Load(deployment.url, rate=length(60, 100)) as load:
        async with load.running():
            await asyncio.sleep(length(1.5, 5))
            swallowed = time.monotonic()
            proxy.set(Fault.BLACKHOLE)
            await asyncio.sleep(length(5, 30))
            healed = time.monotonic()
            proxy.set(Fault.PASS)
            await asyncio.sleep(length(5, 5))
        found = await report("F7", load, deployment, healed_at=healed)
    slowest = max(sample.seconds for sample in load.samples)
    print(f"F7: the slowest answer took {slowest:.2f} s")
    check_refusals(load.samples)
    # For a second the filter of revocations may answer what asks no more than that.
    served = [sample.kind for sample in within(load.samples, swallowed + 0.2, healed - 2) if sample.ok]
    assert set(served) <= {"verify"}
    assert not any(sample.ok for sample in within(load.samples, swallowed + FRESH_SECONDS + 0.5, healed - 2))
    assert slowest <= 2 + SLACK_SECONDS + load.stalled
    assert (found.lost, found.doubled, found.half) == (0, 0, {})
    late = [sample for sample in load.samples if sample.started >= healed + 3 + load.stalled]
    assert late
    assert all(sample.ok for sample in late)
    assert deployment.unexpected() == []


@pytest.mark.fault("F8")
async def test_a_slower_database_slows_what_asks_it_and_breaks_nothing(deploy: Deploy, proxy: Proxy) -> None:
    # Connections for what is in flight at once: requests a second, times the seconds that each holds one.
    deployment = await deploy(workers=2, through=proxy, DATABASE__POOL_SIZE="20")
    async with (
        Load(deployment.url, rate=length(40, 100)) as load,
        verifying(deployment, bearer(load.reader), staleness=60) as drill,
    ):
        async with load.running():
            await asyncio.sleep(length(1.5, 5))
            before = list(load.samples)
            key_times = [await time_of_keys(load) for _ in range(10)]
            proxy.set(Fault.DELAY, seconds=SLOWER_SECONDS)
            slowed = time.monotonic()
            await asyncio.sleep(length(5, 30))
            slow_key_times = [await time_of_keys(load) for _ in range(10)]
        proxy.set(Fault.PASS)
        found = await report("F8", load, deployment)
    slow = [sample for sample in load.samples if sample.started >= slowed]
    # In seconds there are only some twenty, the first of which open connections.
    share = length(0.9, 0.99)
    sign_in = percentile([sample for sample in slow if sample.kind == "sign in"], share)
    print(
        f"F8: sign-in p{share * 100:.0f} {sign_in:.2f} s, verify p99 {percentile(slow, 0.99):.2f} s "
        f"(before {percentile(before, 0.99):.2f} s), JWKS {max(slow_key_times) * 1000:.0f} ms "
        f"(before {max(key_times) * 1000:.0f} ms)"
    )
    # A service that follows the feed does not notice.
    assert set(drill.statuses) == {200}
    assert drill.questions == 0
    assert found.errors == 0, [sample for sample in load.samples if not sample.ok]
    assert (found.lost, found.doubled, found.half) == (0, 0, {})
    assert sign_in < 3 + SLACK_SECONDS + load.stalled
    # The key set comes from memory.
    assert min(slow_key_times) < SLOWER_SECONDS
    assert set(MIX) == {sample.kind for sample in load.samples}


async def time_of_keys(load: Load) -> float:
    started = time.monotonic()
    assert (await load.client.get("/.well-known/jwks.json")).status_code == 200
    return time.monotonic() - started
