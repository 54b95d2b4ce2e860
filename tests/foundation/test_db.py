"""The pools heal themselves: a statement has its time, and what the server closed is replaced unseen."""

import asyncio
import os
import time
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import make_url, text

from app.foundation.db import POOL_WAIT_SECONDS, STATEMENT_SECONDS, Database, DatabaseUnavailable
from app.foundation.dsn import driver_dsn
from app.foundation.hot_connections import HotConnections
from app.settings import Settings
from tests.faults.proxy import Proxy

pytestmark = pytest.mark.anyio

POOL = 2
OTHERS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
# What a machine adds that stalls; what is waited for would take ten more.
SLACK_SECONDS = 20.0
PATIENCE = 3


@pytest.fixture
async def db(settings: Settings):
    database = Database(settings.database.url.get_secret_value(), pool_size=POOL)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def watch(settings: Settings):
    connection = await asyncpg.connect(settings.database.url.get_secret_value().replace("+asyncpg", ""))
    yield connection
    await connection.close()


async def run_in_transaction(db: Database, statement: str) -> object:
    async with db.transaction() as tx:
        return await tx.scalar(text(statement))


async def first_value(db: Database, statement: str) -> object:
    row = await db.fetchrow(statement)
    return row[0]


RUN = pytest.mark.parametrize("ask", [run_in_transaction, first_value])


@RUN
@pytest.mark.fault("F7")
async def test_a_statement_without_an_answer_is_given_up_and_its_place_is_free_again(db: Database, ask) -> None:
    started = time.monotonic()
    for answer in await asyncio.gather(*(ask(db, "SELECT pg_sleep(30)") for _ in range(POOL)), return_exceptions=True):
        assert isinstance(answer, DatabaseUnavailable)
    assert time.monotonic() - started < STATEMENT_SECONDS + SLACK_SECONDS
    assert await asyncio.gather(*(ask(db, "SELECT 1") for _ in range(3 * POOL))) == [1] * 3 * POOL


@RUN
@pytest.mark.fault("F9")
async def test_whoever_waits_too_long_for_a_turn_is_refused(settings: Settings, watch: asyncpg.Connection, ask) -> None:
    # Between the wait for a turn and that for a statement there is room for a stall of the machine.
    url = settings.database.url.get_secret_value()
    db = Database(url, pool_size=POOL, answer_seconds=STATEMENT_SECONDS * PATIENCE)
    await db.open()
    await watch.execute("SELECT pg_advisory_lock(1)")
    holders = [asyncio.create_task(ask(db, "SELECT 1 FROM pg_advisory_lock_shared(1)")) for _ in range(POOL)]
    await until(watch, f"SELECT count(*) = {POOL} {OTHERS} AND wait_event = 'advisory'")
    started = time.monotonic()
    with pytest.raises(DatabaseUnavailable):
        await ask(db, "SELECT 1")
    assert time.monotonic() - started < POOL_WAIT_SECONDS * PATIENCE + SLACK_SECONDS
    await watch.execute("SELECT pg_advisory_unlock(1)")
    assert await asyncio.gather(*holders) == [1] * POOL
    await db.close()


@RUN
@pytest.mark.fault("F9")
async def test_a_caller_that_goes_away_gives_its_place_back(db: Database, watch: asyncpg.Connection, ask) -> None:
    callers = [asyncio.create_task(ask(db, "SELECT pg_sleep(30)")) for _ in range(POOL)]
    await until(watch, f"SELECT count(*) = {POOL} {OTHERS} AND query LIKE '%pg_sleep%' AND state = 'active'")
    for caller in callers:
        caller.cancel()
    ended = await asyncio.gather(*callers, return_exceptions=True)
    assert all(isinstance(error, asyncio.CancelledError) for error in ended)
    assert await asyncio.gather(*(ask(db, "SELECT 1") for _ in range(3 * POOL))) == [1] * 3 * POOL


@RUN
@pytest.mark.fault("F10")
async def test_a_connection_that_the_server_closed_is_replaced_before_its_use(
    db: Database, watch: asyncpg.Connection, ask
) -> None:
    await asyncio.gather(*(ask(db, "SELECT 1 FROM pg_sleep(0.05)") for _ in range(POOL)))
    ended = await watch.fetch(f"SELECT pid, pg_terminate_backend(pid) {OTHERS}")
    assert len(ended) == POOL
    await until(watch, f"SELECT count(*) = 0 {OTHERS}")
    async with asyncio.timeout(60):
        # The server forgets a process before that process hangs up.
        while any(Path(f"/proc/{row['pid']}").exists() for row in ended):
            await watch.fetchval("SELECT 1")
    # Whatever waits to be read is read on this loop's way to an answer.
    await watch.fetchval("SELECT 1")
    assert await asyncio.gather(*(ask(db, "SELECT 1") for _ in range(3 * POOL))) == [1] * 3 * POOL


async def test_connections_that_nobody_needs_are_cut(settings: Settings, watch: asyncpg.Connection) -> None:
    hot = HotConnections(
        driver_dsn(settings.database.url.get_secret_value()), connect_seconds=5, statement_seconds=5, idle_seconds=0.3
    )
    await asyncio.gather(*(hot.fetch("SELECT 1 FROM pg_sleep(0.1)", ()) for _ in range(3)))
    async with asyncio.timeout(20):
        while await watch.fetchval(f"SELECT count(*) {OTHERS}") > 1:
            assert (await hot.fetch("SELECT 1", ()))[0][0] == 1
    hot.close()
    await until(watch, f"SELECT count(*) = 0 {OTHERS}")
    with pytest.raises(asyncpg.InterfaceError):
        await hot.fetch("SELECT 1", ())


async def until(watch: asyncpg.Connection, question: str) -> None:
    async with asyncio.timeout(60):
        while not await watch.fetchval(question):
            await asyncio.sleep(0.01)


@pytest.fixture
async def relayed(settings: Settings):
    """The address of the same database over TCP, where encryption may be asked for."""
    url = make_url(settings.database.url.get_secret_value())
    folder = url.query.get("host")
    with Proxy(f"{folder}/.s.PGSQL.{url.query.get('port', 5432)}" if folder else (url.host, url.port or 5432)) as proxy:
        plain = url.set(host="127.0.0.1", port=proxy.port).difference_update_query(["host", "port"])
        yield plain.render_as_string(hide_password=False)


@RUN
@pytest.mark.parametrize("option", ["sslmode=require", "ssl=require", "sslmode=verify-full"])
async def test_encryption_that_is_asked_for_is_never_given_up(relayed: str, option: str, ask) -> None:
    if "DATABASE__URL" in os.environ:
        pytest.skip("the server that DATABASE__URL names may well encrypt; the embedded one does not")
    database = Database(f"{relayed}?{option}", pool_size=POOL)
    await database.open()
    with pytest.raises(DatabaseUnavailable):
        await ask(database, "SELECT 1")
    await database.close()


@RUN
@pytest.mark.parametrize("option", ["sslmode=disable", "ssl=disable", "sslmode=prefer&application_name=auth"])
async def test_options_of_the_address_hold_for_both_pools(relayed: str, option: str, ask) -> None:
    database = Database(f"{relayed}?{option}", pool_size=POOL)
    await database.open()
    assert await ask(database, "SELECT 1") == 1
    await database.close()
