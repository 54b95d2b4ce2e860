"""What is past use is removed, by one runner, without anybody waiting; all else stays."""

import asyncio
import dataclasses
from datetime import timedelta

import asyncpg
import pytest
from sqlalchemy import text

from app.foundation.dsn import driver_dsn
from app.foundation.ids import new_id
from app.foundation.partitions import ensure_partitions
from app.foundation.purge import Pace, PartitionRule, Purge, PurgeBusy, PurgeRule
from app.links.service import LinkKind
from app.migrations.tables import metadata
from app.wiring import purge as wired
from app.worker import Worker
from tests.mailbox import working
from tests.support import bearer, problem

ROWS = 2500


@pytest.fixture
async def connection(database_url):
    connection = await asyncpg.connect(driver_dsn(database_url))
    yield connection
    await connection.close()


def purge_of(services, *rules, partitions=(), rows=100):
    url = services.settings.database.url.get_secret_value()
    pace = Pace(batch_rows=rows, pause=timedelta(0), rest=0)
    return Purge(url, services.clock, rules, partitions, pace=pace)


async def count(connection, table):
    return await connection.fetchval(f"SELECT count(*) FROM {table}")


async def uses(services, connection, *, old, young=0):
    """Spent action tokens, expired and not."""
    now = services.clock.now()
    rows = [(f"old{n}", now - timedelta(days=1, seconds=n)) for n in range(old)]
    rows += [(f"young{n}", now + timedelta(minutes=1)) for n in range(young)]
    await connection.executemany(
        "INSERT INTO action_token_uses (jti, consumption_id, client_id, consumed_at, expires_at) "
        "VALUES ($1, 'c', 'c', now(), $2)",
        rows,
    )


USES = PurgeRule(table="action_token_uses", order="expires_at", kept=timedelta(minutes=10))


async def test_rows_past_use_go_in_batches_and_the_others_stay(services, connection):
    await uses(services, connection, old=ROWS, young=7)
    batches = []
    purge = purge_of(services, USES)
    assert (await purge.count()).removed == {"action_token_uses": ROWS}
    report = await purge.run(on_progress=lambda table, removed: batches.append(removed))
    assert report.removed == {"action_token_uses": ROWS}
    assert max(batches) == 100
    assert sum(batches) == ROWS
    assert await count(connection, "action_token_uses") == 7
    assert (await purge.run()).rows == 0


async def test_a_row_that_somebody_holds_is_left_for_the_next_time_and_nobody_waits(services, connection):
    await uses(services, connection, old=20)
    async with connection.transaction():
        await connection.execute("SELECT FROM action_token_uses WHERE jti = 'old3' FOR UPDATE")
        async with asyncio.timeout(30):
            assert (await purge_of(services, USES).run()).rows == 19
    assert (await purge_of(services, USES).run()).rows == 1


async def test_of_many_purges_at_once_one_works(services, connection):
    await uses(services, connection, old=ROWS)
    begun = asyncio.Event()
    slow = purge_of(services, USES, rows=50)
    first = asyncio.create_task(slow.run(on_progress=lambda *_: begun.set()))
    await begun.wait()
    others = await asyncio.gather(*(purge_of(services, USES).run() for _ in range(5)), return_exceptions=True)
    assert all(isinstance(other, PurgeBusy) for other in others) or (await first).finished
    assert (await first).rows == ROWS


async def test_a_purge_ends_after_its_batch_when_told_to_and_when_its_time_is_over(services, connection):
    await uses(services, connection, old=ROWS)
    end = asyncio.Event()
    report = await purge_of(services, USES).run(end=end, on_progress=lambda *_: end.set())
    assert (report.rows, report.finished) == (100, False)
    report = await purge_of(services, USES).run(within=timedelta(0))
    assert (report.rows, report.finished) == (100, False)


async def test_every_condition_of_every_rule_is_sql_that_its_table_understands(services):
    assert (await services.purge.count()).rows == 0
    assert set((await services.purge.run()).removed) >= {
        "sessions",
        "grants",
        "links",
        "mails",
        "events",
        "email_codes",
    }


async def test_each_rule_walks_an_index(services, connection):
    await connection.execute("SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off")
    now = services.clock.now()
    template = "SELECT FROM {table} WHERE {order} >= $1 AND {order} < $2 AND {condition} ORDER BY {order}"
    for rule in wired.rules(services.settings):
        if rule.table == "pgqueuer_statistics":
            # Small, and the queue's own.
            continue
        plan = await connection.fetch(f"EXPLAIN {rule.sql(template, 3)}", *rule.bounds(now), *rule.moment(now))
        lines = "\n".join(row[0] for row in plan)
        assert f"Index Cond: (({rule.order} >=" in lines, lines
        assert "Sort" not in lines, lines


async def test_what_a_sign_in_leaves_behind_is_gone_in_the_end_and_the_account_stays(services, api, people, connection):
    tokens = await people.signed_in()
    await api.post("/auth/otp/request", json={"email": "ann@example.com", "purpose": "login"})
    async with services.db.transaction() as tx:
        user = await services.users.find_by_email(tx, "ann@example.com")
        await services.links.issue(tx, LinkKind.RESET_PASSWORD, user.id)
    async with working(Worker(services)), asyncio.timeout(60):
        while await connection.fetchval("SELECT count(*) FROM events WHERE status = 'pending'"):
            await asyncio.sleep(0.02)
    for days, kept in ((0, True), (29, True), (62, False)):
        services.clock.offset = timedelta(days=days)
        await services.purge.run()
        there = [await count(connection, table) for table in ("sessions", "grants", "events", "links", "email_codes")]
        assert bool(there[0]) is bool(there[1]) is kept, (days, there)
        assert bool(sum(there[2:])) is (days == 0), (days, there)
    services.clock.offset = timedelta(0)
    problem(await api.get("/auth/validate", headers=bearer(tokens)), 401, "invalid_token")
    assert (await people.log_in())["access_token"]


async def test_months_of_refresh_tokens_are_dropped_whole_once_no_grant_lives_on(services, people, connection):
    await people.signed_in()
    (partition,) = await connection.fetchrow("SELECT tableoid::regclass::text FROM refresh_tokens LIMIT 1")
    services.clock.offset = timedelta(days=10)
    assert (await services.purge.run()).dropped == []
    services.clock.offset = timedelta(days=70)
    await connection.execute("UPDATE grants SET expires_at = now() + interval '1 year'")
    report = await services.purge.run()
    assert (report.dropped, report.postponed) == ([], [partition])
    await connection.execute("UPDATE grants SET expires_at = now()")
    assert (await services.purge.count()).dropped == [partition]
    assert (await services.purge.run()).dropped == [partition]
    assert await connection.fetchval("SELECT to_regclass($1)", partition) is None
    assert await count(connection, "refresh_tokens") == 0


async def test_a_partition_that_is_in_use_is_dropped_later_and_refreshes_go_on_meanwhile(services, connection):
    services.clock.offset = timedelta(days=70)
    rule = PartitionRule(table="refresh_tokens", kept=timedelta(days=1))
    purge = purge_of(services, partitions=(rule,))
    async with connection.transaction():
        await connection.execute("SELECT FROM refresh_tokens")
        report = await purge.run()
        assert report.dropped == []
        assert report.postponed
    assert (await purge.run()).dropped == report.postponed


async def test_rows_of_months_without_a_partition_go_too(services, connection):
    now = services.clock.now()
    old = new_id(now - timedelta(days=400))
    await connection.execute(
        "INSERT INTO refresh_tokens (id, grant_row_id, secret_hash, created_at, expires_at) "
        "VALUES ($1, $1, '', $2, $2)",
        old,
        now - timedelta(days=400),
    )
    assert (await services.purge.run()).removed["refresh_tokens_pdefault"] == 1


async def test_a_worker_that_is_told_to_end_does_not_wait_for_a_long_purge(services, connection):
    await uses(services, connection, old=ROWS)
    url, pace = services.settings.database.url.get_secret_value(), Pace(batch_rows=1, pause=timedelta(hours=1))
    worker = Worker(dataclasses.replace(services, purge=Purge(url, services.clock, [USES], pace=pace)))
    worker.jobs.schedule("purge each second", "* * * * * */1", worker.purge)
    async with asyncio.timeout(60), working(worker):
        while await count(connection, "action_token_uses") == ROWS:
            await asyncio.sleep(0.05)


async def test_the_partitions_to_come_are_never_past_use(services):
    async with services.db.transaction() as tx:
        await ensure_partitions(tx, services.clock.now())
        names = await tx.scalars(text("SELECT inhrelid::regclass::text FROM pg_inherits"))
    rule = PartitionRule(table="refresh_tokens", kept=timedelta(0))
    assert not any(rule.is_past(name, services.clock.now()) for name in names)


# Few for each owner, and gone with it.
STAY = {"client_secrets", "webhook_secrets"}


async def test_every_table_whose_rows_expire_has_a_rule(services):
    expiring = {table.name for table in metadata.sorted_tables if "expires_at" in table.columns}
    assert expiring - services.purge.tables - STAY == set(), "name a rule in the feature's purge.py"
