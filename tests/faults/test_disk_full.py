"""The database's disk is full: what would change is refused, reads go on, and with room again so does everything."""

import asyncio
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import asyncpg
import pytest

from app.foundation.engines.postgres import SUPERUSER
from tests.cli.running import run
from tests.faults.conftest import Deploy, Platform
from tests.faults.deployment import length
from tests.faults.load import Load
from tests.faults.report import check_refusals, report

pytestmark = pytest.mark.anyio

SIZE = "48m"
CHANGES = {"refresh", "sign in", "sign up", "sign out"}
MIX = {"verify": 0.3, "refresh": 0.3, "sign in": 0.2, "sign up": 0.2}
SPACE = "small_disk"


@pytest.fixture
def disk() -> Iterator[Path]:
    """A disk of its own, of some megabytes."""
    folder = Path(tempfile.mkdtemp(prefix="disk-"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0777", "tmpfs", folder], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        folder.rmdir()
        pytest.skip("a small disk can only be mounted by root")
    folder.parent.chmod(folder.parent.stat().st_mode | 0o001)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)
    folder.rmdir()


async def as_superuser(platform: Platform, *statements: str) -> None:
    sockets = unquote(platform.engines.database_url.partition("?host=")[2])
    connection = await asyncpg.connect(user=SUPERUSER, database=SUPERUSER, host=sockets)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def fill(disk: Path) -> Path:
    """Take the last byte."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(65_536))
        except OSError:
            pass
    return filler


@pytest.mark.fault("F20")
async def test_a_full_disk_costs_503_for_changes_and_nothing_else(
    deploy: Deploy, platform: Platform, disk: Path
) -> None:
    data = disk / "data"
    data.mkdir()
    data.chmod(0o777)
    deployment = await deploy()
    name = deployment.database.partition("?")[0].rpartition("/")[2]
    deployment.stop()
    await as_superuser(
        platform, f"CREATE TABLESPACE {SPACE} LOCATION '{data}'", f"ALTER DATABASE {name} SET TABLESPACE {SPACE}"
    )
    deployment.start()
    try:
        async with Load(deployment.url, rate=length(25, 60), mix=MIX) as load:
            async with load.running():
                await asyncio.sleep(length(2, 5))
                filler = fill(disk)
                async with asyncio.timeout(120):
                    while sum(not sample.ok for sample in load.samples) < length(20, 200):
                        await asyncio.sleep(0.1)
                exported = run("audit", "export", "--output", str(disk / "log"), environment=deployment.environment)
                assert exported.returncode != 0
                assert not (disk / "log").exists()
                healed = time.monotonic()
                filler.unlink()
                await asyncio.sleep(length(6, 8))
            found = await report("F20", load, deployment, healed_at=healed)
        check_refusals(load.samples)
        assert all(sample.ok for sample in load.samples if sample.kind == "verify")
        changed = [each.ended for each in load.samples if each.ok and each.kind in CHANGES and each.ended >= healed]
        assert min(changed) - healed <= 5 + load.stalled
        assert all(sample.ok for sample in load.samples if sample.started >= healed + 5 + load.stalled)
        assert (found.lost, found.doubled, found.half) == (0, 0, {})
        await whole(deployment.database)
    finally:
        deployment.stop()
        await as_superuser(platform, f"DROP DATABASE {name} WITH (FORCE)", f"DROP TABLESPACE {SPACE}")


async def whole(dsn: str) -> None:
    """Read every row of every table, by itself and by each of its indexes."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("SET enable_indexscan = off")
        for table in await connection.fetch("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 2200"):
            await connection.execute(f'REINDEX TABLE "{table[0]}"')
            await connection.fetchval(f'SELECT count(t.*::text) FROM "{table[0]}" t')
    finally:
        await connection.close()
