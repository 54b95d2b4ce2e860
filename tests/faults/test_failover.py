"""The database's machine dies, and its synchronous standby takes over: no acknowledged write is lost."""

import asyncio
import time
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from tests.faults.conftest import Deploy, Platform, raised
from tests.faults.deployment import length
from tests.faults.load import Load
from tests.faults.proxy import Proxy
from tests.faults.report import check_refusals, report
from tests.faults.standby import Standby

pytestmark = pytest.mark.anyio

BACK_SECONDS = 10
MIX = {"verify": 0.4, "refresh": 0.4, "sign in": 0.1, "sign up": 0.06, "sign out": 0.04}
CHANGES = {"refresh", "sign in", "sign up", "sign out"}


@pytest.fixture
def platform() -> Iterator[Platform]:
    """One of the drill's own: its PostgreSQL does not come back."""
    with raised() as platform:
        yield platform


@pytest.mark.fault("F6")
async def test_a_synchronous_standby_takes_over_and_no_acknowledged_write_is_lost(
    deploy: Deploy, platform: Platform, proxy: Proxy
) -> None:
    deployment = await deploy(through=proxy)
    async with Standby(platform.engine) as standby, Load(deployment.url, rate=length(40, 150), mix=MIX) as load:
        async with load.running():
            await asyncio.sleep(length(1, 5))
            acknowledged = load.ledger.written
            killed = time.monotonic()
            await platform.engine.kill()
            # The service is led there before it takes writes.
            proxy.switch(standby.socket)
            await asyncio.sleep(length(0.5, 3))
            await standby.promote()
            promoted = time.monotonic()
            await asyncio.sleep(length(2, 10))
        deployment.database = deployment.database.replace(
            quote(str(platform.engine.sockets)), quote(str(standby.sockets))
        )
        found = await report("F6", load, deployment, healed_at=promoted)
        deployment.stop()
    changed = [each.ended for each in load.samples if each.ok and each.kind in CHANGES and each.started >= promoted]
    back = min(changed) - killed
    print(
        f"F6: {acknowledged} writes acknowledged before the kill; the standby was primary {promoted - killed:.2f} s "
        f"after it, and the first write succeeded {back:.2f} s after it"
    )
    check_refusals(load.samples)
    assert acknowledged
    assert (found.lost, found.doubled, found.half) == (0, 0, {})
    assert back <= BACK_SECONDS + load.stalled
    assert all(sample.ok for sample in load.samples if sample.started >= killed + BACK_SECONDS + load.stalled)
    assert deployment.unexpected() == []
