"""A migration dies at any of its statements, and the next one finishes the work; two at once take turns."""

import asyncio
import contextlib
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
_MOST_MESSAGES = 2_000


async def until_cut(url: str) -> None:
    """Migrate as far as the connection carries."""
    with contextlib.suppress(OSError, SQLAlchemyError, DriverError, asyncpg.InterfaceError, asyncpg.PostgresError):
        await migrate(url, datetime.now(UTC))


async def shape(url: str) -> list[tuple]:
    connection = await asyncpg.connect(dsn(url))
    try:
        return [tuple(row) for row in await connection.fetch(_SHAPE)]
    finally:
        await connection.close()


@pytest.mark.attack("OPS-03")
@pytest.mark.fault("F26")
async def test_a_migration_cut_off_at_any_statement_is_finished_by_the_next(platform: Platform, proxy: Proxy) -> None:
    expected = await shape(await platform.database())
    cut, messages, step = 0, 1, int(length(41, 1))
    while messages < _MOST_MESSAGES:
        url = await platform.empty()
        reached = through(url, proxy)
        proxy.cut_after(messages)
        await until_cut(reached)
        if not proxy.has_cut:
            break
        proxy.set(Fault.PASS)
        cut += 1
        await migrate(url, datetime.now(UTC))
        assert await shape(url) == expected, messages
        messages += step
    print(f"F26: cut off at {cut} points of {messages} messages, each time finished by the next run")
    assert cut >= length(5, 50)
    assert messages < _MOST_MESSAGES


@pytest.mark.attack("OPS-03")
@pytest.mark.fault("F26")
async def test_a_migration_that_is_killed_is_finished_by_the_next(platform: Platform, proxy: Proxy) -> None:
    expected = await shape(await platform.database())
    points = range(10, 200, 10) if FULL else (40,)
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
    for _ in range(int(length(1, 10))):
        url = await platform.empty()
        environment = platform.environment(url, 1, {}) | public(1)
        both = await asyncio.gather(*(asyncio.to_thread(run, "migrate", environment=environment) for _ in range(2)))
        assert [finished.returncode for finished in both] == [0, 0], [finished.stderr for finished in both]
        assert await shape(url) == expected


def through(url: str, proxy: Proxy) -> str:
    name = url.partition("?")[0].rpartition("/")[2]
    return f"postgresql+asyncpg://auth@127.0.0.1:{proxy.port}/{name}"
