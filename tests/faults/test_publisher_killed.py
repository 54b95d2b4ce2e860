"""kill -9 of the web process that publishes revocations, while people sign out: another one goes on where it ended."""

import asyncio
import os
import re
import signal
import time

import asyncpg
import pytest

from tests.faults.conftest import Deploy
from tests.faults.deployment import Deployment, length
from tests.faults.load import Load
from tests.faults.report import report
from tests.support import claims_of

pytestmark = pytest.mark.anyio

WORKERS = 3
ROUNDS = int(length(1, 6))
# The figure is half a second; three processes that share two cores with others wait for their turn besides.
TAKEN_OVER_SECONDS = length(10, 0.5)
MIX = {"verify": 0.4, "refresh": 0.1, "sign out": 0.5}
_PUBLISHES = re.compile(r'this process publishes revocations.*?"pid": (\d+)|"pid": (\d+).*?this process publishes')
# The backend that holds the lock of who publishes.
_HOLDER = """
    SELECT l.pid FROM pg_locks l JOIN pg_database d ON d.oid = l.database
    WHERE l.locktype = 'advisory' AND l.granted AND d.datname = current_database() AND l.objsubid = 1
      AND (l.classid::bigint << 32 | l.objid::bigint) = hashtextextended('revocation publisher', 0)"""
_NUMBERS = """
    SELECT count(*) AS rows, count(seq) AS numbered, count(DISTINCT seq) AS numbers, coalesce(max(seq), 0) AS last,
      count(*) FILTER (WHERE target = ANY($1::text[])) AS of_ledger, (SELECT last_seq FROM revocation_feed) AS feed
    FROM revocations"""


@pytest.mark.fault("F1")
async def test_a_killed_publisher_is_replaced_and_every_revocation_has_one_number(deploy: Deploy) -> None:
    deployment = await deploy(workers=WORKERS)
    took: list[float] = []
    async with Load(deployment.url, rate=length(25, 30), mix=MIX) as load:
        connection = await asyncpg.connect(deployment.database)
        try:
            async with load.running():
                for _ in range(ROUNDS):
                    await until_revoked(load, more=5)
                    took.append(await take_over(deployment, connection))
                await until_revoked(load, more=5)
            found = await report("publisher killed", load, deployment)
            sids = [claims_of(tokens["access_token"])["sid"] for tokens in load.ledger.revoked]
            async with asyncio.timeout(30):
                while (counts := await connection.fetchrow(_NUMBERS, sids))["numbered"] < counts["rows"]:
                    await asyncio.sleep(0.02)
        finally:
            await connection.close()
    print(
        f"publisher killed {ROUNDS} times: taken over after at most {max(took) * 1000:.0f} ms, "
        f"{counts['rows']} revocations, {counts['numbers']} numbers up to {counts['last']}"
    )
    assert (found.lost, found.doubled, found.half) == (0, 0, {})
    assert counts["numbered"] == counts["numbers"] == counts["last"] == counts["feed"] == counts["rows"]
    assert counts["of_ledger"] == len(sids)
    assert max(took) <= TAKEN_OVER_SECONDS
    assert deployment.unexpected() == []


async def take_over(deployment: Deployment, connection: "asyncpg.Connection") -> float:
    """Kill the process that publishes; seconds until another one does, by PostgreSQL's own word."""
    before, starts = await connection.fetchval(_HOLDER), deployment.starts()
    publisher = publishers(deployment)[-1]
    assert publisher in deployment.pids()
    killed = time.monotonic()
    os.kill(publisher, signal.SIGKILL)
    async with asyncio.timeout(60):
        while (await connection.fetchval(_HOLDER)) in (None, before):
            await asyncio.sleep(0.002)
        taken = time.monotonic() - killed
        while deployment.starts() <= starts or publishers(deployment)[-1] == publisher:
            await asyncio.sleep(0.05)
    return taken


def publishers(deployment: Deployment) -> list[int]:
    """The processes that have published, the last one last."""
    return [int(one or other) for one, other in _PUBLISHES.findall(deployment.log())]


async def until_revoked(load: Load, *, more: int) -> None:
    goal = len(load.ledger.revoked) + more
    async with asyncio.timeout(60):
        while len(load.ledger.revoked) < goal:
            await asyncio.sleep(0.02)
