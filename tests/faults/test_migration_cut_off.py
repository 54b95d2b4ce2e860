"""A migration dies at any of its statements, and the next one finishes the work; two at once take turns."""

import asyncio
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime

import asyncpg
import pytest
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_dbapi
from sqlalchemy.exc import SQLAlchemyError

from app.migrations.run import migrate
from tests.cli.running import CLEAN, PROJECT, run
from tests.faults.conftest import Platform, public
from tests.faults.deployment import FULL, dsn, length
from tests.faults.proxy import Fault, Proxy

pytestmark = pytest.mark.anyio

# What a rollback on a lost connection raises as it is.
DriverError = AsyncAdapt_asyncpg_dbapi.Error

_SHAPE = """
    SELECT 'column', table_name, column_name, data_type, is_nullable, column_default
      FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL SELECT 'index', tablename, indexname, indexdef, '', '' FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), '', ''
      FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    ORDER BY 1, 2, 3, 4"""
# Far more than there are statements: a migration that never gets through must not go on for ever.
_MOST_CUTS = 5_000
# What two connections, the lock and the look at the revision take before it. Lower would only repeat those cuts.
FIRST_STATEMENT = 20
STEP, COPIED_EVERY = int(length(30, 1)), int(length(25, 40))


async def until_cut(url: str) -> str:
    """Migrate as far as the connection carries; what ended it, nothing where it came to the end."""
    try:
        await migrate(url, datetime.now(UTC))
    except (OSError, SQLAlchemyError, DriverError, asyncpg.InterfaceError, asyncpg.PostgresError) as error:
        return repr(error)
    return ""


async def shape(url: str) -> list[tuple]:
    connection = await asyncpg.connect(dsn(url))
    try:
        return [tuple(row) for row in await connection.fetch(_SHAPE)]
    finally:
        await connection.close()


@pytest.mark.attack("OPS-03")
@pytest.mark.fault("F26")
async def test_a_migration_cut_off_at_any_statement_is_finished_by_the_next(platform: Platform, proxy: Proxy) -> None:
    """One database on its way to the head: each run goes on where the one before was cut off, and dies a little later.

    Whatever state a cut leaves, the next run starts from it; of some a copy is brought to the head at once.
    """
    expected = await shape(await platform.database())
    url = await platform.empty()
    cuts, copies, messages, done = 0, 0, 1, None
    while True:
        proxy.cut_after(messages)
        ended = await until_cut(through(url, proxy))
        if not proxy.has_cut:
            break
        proxy.set(Fault.PASS)
        cuts += 1
        assert cuts < _MOST_CUTS
        if cuts % COPIED_EVERY == 0:
            copy = await platform.empty(template=database_of(url))
            await migrate(copy, datetime.now(UTC))
            assert await shape(copy) == expected, (done, messages)
            copies += 1
        before, done = done, await revision(url)
        # With another one finished, the next one's statements are cut off from the first on.
        messages = messages + STEP if done == before else FIRST_STATEMENT
    assert not ended, (done, messages)
    assert await shape(url) == expected
    print(f"F26: cut off at {cuts} points, each time gone on with by the next run; {copies} times finished by it")
    assert cuts >= length(20, 300)
    assert copies >= 1


@pytest.mark.attack("OPS-03")
@pytest.mark.fault("F26")
async def test_a_migration_that_is_killed_is_finished_by_the_next(platform: Platform, proxy: Proxy) -> None:
    expected = await shape(await platform.database())
    points = range(10, 200, 40) if FULL else (40,)
    for messages in points:
        url = await platform.empty()
        environment = platform.environment(through(url, proxy), 1, {})
        proxy.cut_after(messages)
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "migrate"],
            env=CLEAN | environment,
            cwd=PROJECT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while process.poll() is None and not proxy.has_cut:
            await asyncio.sleep(0.002)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
        process.wait(30)
        proxy.set(Fault.PASS)
        finished = await asyncio.to_thread(run, "migrate", environment=platform.environment(url, 1, {}))
        assert finished.returncode == 0, finished.stderr
        assert await shape(url) == expected


@pytest.mark.attack("OPS-03")
@pytest.mark.fault("F26")
async def test_of_two_migrations_at_once_one_does_the_work(platform: Platform) -> None:
    expected = await shape(await platform.database())
    for _ in range(int(length(1, 3))):
        url = await platform.empty()
        environment = platform.environment(url, 1, {}) | public(1)
        both = await asyncio.gather(*(asyncio.to_thread(run, "migrate", environment=environment) for _ in range(2)))
        assert [finished.returncode for finished in both] == [0, 0], [finished.stderr for finished in both]
        assert await shape(url) == expected


def database_of(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]


def through(url: str, proxy: Proxy) -> str:
    return f"postgresql+asyncpg://auth@127.0.0.1:{proxy.port}/{database_of(url)}"


async def revision(url: str) -> str | None:
    """The last migration that was finished."""
    connection = await asyncpg.connect(dsn(url))
    try:
        if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
            return None
        return await connection.fetchval("SELECT version_num FROM alembic_version")
    finally:
        await connection.close()
