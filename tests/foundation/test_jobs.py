"""Events to their subscribers, schedules, and the queue's own tables."""

import asyncio

import asyncpg
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.queries import Queries

from app.audit.fanout import Subscription
from app.foundation.dsn import driver_dsn
from app.worker import Worker
from tests.mailbox import working
from tests.servers import execute


async def test_an_event_reaches_every_subscriber_and_one_that_fails_is_told_again(services, people):
    told, failed = [], []

    async def note(event):
        told.append(("note", event.type, event.subject))

    async def stumble(event):
        if not failed:
            failed.append(event.id)
            raise ZeroDivisionError
        told.append(("stumble", event.type, event.subject))

    subscribed = [Subscription("user.created", note, "note"), Subscription("user.created", stumble, "stumble")]
    user = await people.sign_up()
    async with working(Worker(services, subscribed=subscribed)):
        async with asyncio.timeout(60):
            while len(told) < 2:
                await asyncio.sleep(0.02)
    row = await services.db.fetchrow("SELECT count(*) AS n FROM events WHERE status = 'pending'")
    assert row["n"] == 0
    assert {name for name, *_ in told} == {"note", "stumble"}
    assert {kind for _, kind, _ in told} == {"user.created"}
    assert {subject for *_, subject in told} <= {user.get("sub"), user.get("id")}


async def test_a_schedule_that_is_due_runs_once_across_two_workers(services, database_url):
    runs = []

    async def work():
        runs.append("run")

    def worker():
        made = Worker(services)
        made.jobs.schedule("test", "0 0 1 1 *", work)
        return made

    async with working(worker()):
        await _schedules(services, 1)
    for done in range(1, 4):
        await execute(database_url, "UPDATE pgqueuer_schedules SET next_run = now() WHERE entrypoint = 'test'")
        async with working(worker()), working(worker()), asyncio.timeout(60):
            while len(runs) < done or await _schedules(services, 1, due=True):
                await asyncio.sleep(0.02)
        assert len(runs) == done


async def _schedules(services, wanted, *, due=False):
    condition = "next_run <= now() OR status = 'picked'" if due else "true"
    statement = f"SELECT count(*) AS n FROM pgqueuer_schedules WHERE entrypoint = 'test' AND ({condition})"
    if due:
        return (await services.db.fetchrow(statement))["n"]
    async with asyncio.timeout(60):
        while (await services.db.fetchrow(statement))["n"] < wanted:
            await asyncio.sleep(0.02)
    return wanted


async def test_the_tables_of_the_queue_are_those_of_the_pinned_release(database_url):
    connection = await asyncpg.connect(driver_dsn(database_url))
    try:
        plan = await Queries(AsyncpgDriver(connection)).plan_upgrade()
    finally:
        await connection.close()
    assert plan.statements == ()


async def test_a_worker_that_is_told_to_end_ends_whatever_it_is_at(services, people):
    for number in range(20):
        await people.sign_up(email=f"person{number}@example.com")

    async def linger(event):
        await asyncio.sleep(0.05)

    for cycle in range(8):
        worker = Worker(services, subscribed=[Subscription("user.created", linger, "linger")])
        at_work = asyncio.create_task(worker.run())
        await asyncio.wait({at_work}, timeout=0.05 + 0.06 * cycle)
        at_work.cancel()
        done, _ = await asyncio.wait({at_work}, timeout=30)
        assert done, f"still at work after cycle {cycle}"
        assert at_work.cancelled()
