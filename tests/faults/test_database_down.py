"""PostgreSQL goes away under load: nothing acknowledged is lost, and the service is back as soon as it is."""

import asyncio
import time

import pytest

from app.revocation.lookup import FRESH_SECONDS
from tests.faults.conftest import Deploy, Platform
from tests.faults.deployment import length
from tests.faults.follower import verifying
from tests.faults.load import Load
from tests.faults.report import check_refusals, report, within
from tests.support import bearer

pytestmark = pytest.mark.anyio


@pytest.mark.fault("F4")
async def test_a_stopped_database_costs_503_and_is_found_again_at_once(deploy: Deploy, platform: Platform) -> None:
    deployment = await deploy(workers=3)
    async with (
        Load(deployment.url, rate=length(80, 150)) as load,
        verifying(deployment, bearer(load.reader), staleness=60) as drill,
    ):
        async with load.running():
            await asyncio.sleep(length(2, 5))
            down = time.monotonic()
            await platform.engine.stop()
            await asyncio.sleep(length(3, 5))
            up = time.monotonic()
            await platform.engine.start()
            back = time.monotonic()
            await asyncio.sleep(length(3, 5))
        found = await report("F4", load, deployment, healed_at=back)
    # A service that follows the feed verifies on, and asks nobody.
    assert set(drill.statuses) == {200}
    assert drill.questions == 0
    check_refusals(load.samples)
    away = within(load.samples, down, up - 1)
    # For a second the filter of revocations may answer what asks no more than that.
    served = [sample.kind for sample in within(load.samples, down + 0.5, up - 1) if sample.ok]
    assert set(served) <= {"verify"}
    assert not any(sample.ok for sample in within(load.samples, down + FRESH_SECONDS + 0.5, up - 1))
    assert max(sample.seconds for sample in away) <= 1 + load.stalled
    assert (found.lost, found.doubled, found.half) == (0, 0, {})
    assert found.first_success <= 2 + load.stalled
    assert all(sample.ok for sample in load.samples if sample.started >= back + 2 + load.stalled)
    assert deployment.unexpected() == []
