"""PostgreSQL's processes die under load: one after another, or all at once in the middle of commits."""

import asyncio
import random
import time

import asyncpg
import pytest

from tests.faults.conftest import Deploy, Platform
from tests.faults.deployment import length
from tests.faults.load import SEED, Load
from tests.faults.report import check_refusals, report

pytestmark = pytest.mark.anyio

KILLS_A_SECOND = 10
# The figure is the full drill's; in a short one beside other tests a single slow moment is a third of a per cent.
ERRORS_ALLOWED = length(0.03, 0.01)
WRITES = {"refresh": 0.6, "sign in": 0.2, "sign up": 0.1, "sign out": 0.1}
_KILL_ONE = """
    SELECT pg_terminate_backend(pid) FROM (
      SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
      ORDER BY random() LIMIT 1) AS one"""


@pytest.mark.fault("F10")
async def test_backends_that_are_killed_are_hardly_noticed(deploy: Deploy) -> None:
    deployment = await deploy(workers=2)
    killed = 0
    async with Load(deployment.url, rate=length(80, 150)) as load:
        connection = await asyncpg.connect(deployment.database)
        try:
            async with load.running():
                ends = time.monotonic() + length(6, 20)
                while time.monotonic() < ends:
                    killed += await connection.fetchval(_KILL_ONE) is True
                    await asyncio.sleep(1 / KILLS_A_SECOND)
        finally:
            await connection.close()
        found = await report(f"F10 ({killed} backends killed)", load, deployment)
    assert killed >= length(20, 100)
    check_refusals(load.samples)
    assert found.errors <= ERRORS_ALLOWED
    assert (found.lost, found.doubled, found.half) == (0, 0, {})
    assert deployment.unexpected() == []


@pytest.mark.fault("F5")
async def test_a_change_its_entry_and_its_event_are_written_together_or_not_at_all(
    deploy: Deploy, platform: Platform
) -> None:
    deployment = await deploy()
    chance = random.Random(SEED)
    rounds = int(length(4, 50))
    async with Load(deployment.url, rate=length(60, 100), mix=WRITES) as load:
        async with load.running():
            for _ in range(rounds):
                before = load.ledger.written
                while load.ledger.written < before + 10:
                    await asyncio.sleep(0.02)
                await asyncio.sleep(chance.uniform(0, 0.1))
                await platform.engine.kill()
                await platform.engine.start()
                back = time.monotonic()
        found = await report(f"F5 ({rounds} rounds)", load, deployment)
    check_refusals(load.samples)
    assert back
    assert (found.lost, found.doubled, found.half) == (0, 0, {})
    assert deployment.unexpected() == []
