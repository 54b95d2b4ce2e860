"""Old months of the log go whole, and the chain verifies across the gap."""

from datetime import timedelta

import pytest

from app.audit.chaining import AuditChaining
from app.audit.verification import LogVerification
from app.foundation.partitions import ensure_partitions
from app.wiring import build
from tests.audit.support import write
from tests.conftest import settings_for


@pytest.fixture
async def keeping(database_url, engines):
    """A deployment that keeps its log for ninety days."""
    services = build(settings_for(database_url, engines, audit={"retention_days": 90}))
    await services.open()
    yield services
    await services.close()


def no_head(_):
    raise ValueError("none was signed")


def of_the_log(partitions):
    return [name for name in partitions if name.startswith("audit_entries")]


async def verified(services):
    return await LogVerification(services.db, services.clock, no_head).verify()


async def chained(connection):
    while await AuditChaining().step(connection):
        pass


async def test_a_month_goes_once_all_of_it_is_old_and_the_chain_holds_across_the_gap(keeping, connection, events):
    began = keeping.clock.now()
    await write(connection, began, rows=50)
    await chained(connection)
    old = await connection.fetchval("SELECT count(*) FROM audit_entries")
    keeping.clock.offset = timedelta(days=60)
    assert of_the_log((await keeping.purge.run()).dropped) == []
    keeping.clock.offset = timedelta(days=150)
    now = keeping.clock.now()
    async with keeping.db.transaction() as tx:
        await ensure_partitions(tx, now)
    await write(connection, now, rows=20, every=timedelta(0))
    await chained(connection)
    report = await keeping.purge.run()
    month = f"audit_entries_p{began:%Y%m}"
    assert month in report.dropped
    assert await connection.fetchval("SELECT to_regclass($1)", month) is None
    assert await connection.fetchval("SELECT min(at) FROM audit_entries WHERE number IS NOT NULL") > began
    trimmed = [row["details"] for row in await events.of("audit.trimmed")]
    assert {"partition": month, "entries": old, "last_number": old} in trimmed
    await chained(connection)
    found = await verified(keeping)
    assert (found.broken, found.gaps) == (None, 1)
    assert found.entries >= 20
    # What goes without being let go of is found.
    await connection.execute("DELETE FROM audit_entries WHERE number = $1", found.first)
    assert (await verified(keeping)).broken is not None


async def test_a_month_with_entries_that_wait_for_their_place_stays(keeping, connection):
    now = keeping.clock.now()
    await write(connection, now, rows=5, every=timedelta(0))
    keeping.clock.offset = timedelta(days=150)
    report = await keeping.purge.run()
    month = f"audit_entries_p{now:%Y%m}"
    assert month in report.postponed
    assert month not in report.dropped
    assert await connection.fetchval("SELECT count(*) FROM audit_entries WHERE type <> 'audit.trimmed'") >= 5


async def test_a_month_that_somebody_reads_is_dropped_later_and_nothing_is_said_of_it(keeping, connection, events):
    await chained(connection)
    keeping.clock.offset = timedelta(days=150)
    async with connection.transaction():
        await connection.fetch("SELECT count(*) FROM audit_entries")
        report = await keeping.purge.run()
        assert of_the_log(report.postponed) != []
        assert await connection.fetchval("SELECT count(*) FROM audit_cuts") == 0
    assert await events.of("audit.trimmed") == []


async def test_everything_is_kept_unless_somebody_says_otherwise(services, connection):
    await chained(connection)
    services.clock.offset = timedelta(days=4000)
    report = await services.purge.run()
    assert of_the_log([*report.dropped, *report.postponed]) == []
