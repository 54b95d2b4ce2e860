"""A person goes from the log, entry by entry, and the chain holds."""

import asyncio
import json
from datetime import timedelta

from app.audit.chain import GENESIS, Link, fault
from app.audit.chaining import AuditChaining, content_of
from app.audit.event import SYSTEM
from app.worker import Worker
from tests.audit.support import OPERATOR, ORIGIN, write
from tests.mailbox import working
from tests.support import bearer

BY = {"actor": OPERATOR, "origin": ORIGIN}


async def chained(connection):
    while await AuditChaining().step(connection):
        pass


async def faults(connection):
    """What is wrong with the chain."""
    found, previous = [], GENESIS
    rows = await connection.fetch(
        "SELECT id, at, type, outcome, actor_kind, actor_id, subject, trace_id, ip, user_agent, "
        "details::text AS details, number, hash, personal_salt, personal_digest "
        "FROM audit_entries ORDER BY number, id"
    )
    for row in rows:
        link = Link(
            number=row["number"],
            hash=row["hash"],
            personal_salt=row["personal_salt"],
            personal_digest=row["personal_digest"],
        )
        if (wrong := fault(content_of(row), link, previous)) is not None:
            found.append((row["number"], wrong))
        previous = row["hash"]
    return found


_ABOUT = "SELECT count(*) FROM audit_entries WHERE subject = $1 AND type <> 'audit.erased' AND "
PERSONAL = f"{_ABOUT} (ip IS NOT NULL OR user_agent IS NOT NULL OR details <> '{{}}')"


async def test_a_deleted_account_leaves_nothing_personal_in_the_log_and_the_chain_verifies(
    services, api, people, connection
):
    user = await people.sign_up("ann@example.com")
    await people.sign_up("bob@example.com")
    await people.log_in("bob@example.com")
    await people.log_in("ann@example.com")
    async with services.db.transaction() as tx:
        found = await services.users.find_by_email(tx, "ann@example.com")
    await chained(connection)
    before = await connection.fetch("SELECT * FROM audit_entries WHERE subject <> $1 ORDER BY id", user["sub"])
    await services.lifecycle.delete(found.id, **BY)
    await chained(connection)
    assert await services.audit_erasure.erase_due(actor=SYSTEM, origin=ORIGIN) == 0
    services.clock.offset += timedelta(minutes=2)
    assert await services.audit_erasure.erase_due(actor=SYSTEM, origin=ORIGIN) == 1
    await chained(connection)
    assert await connection.fetchval(PERSONAL, user["sub"]) == 0
    types = await connection.fetch("SELECT type FROM audit_entries WHERE subject = $1", user["sub"])
    assert {"user.created", "session.created", "user.deleted", "audit.erased"} <= {row["type"] for row in types}
    assert await connection.fetch("SELECT * FROM audit_entries WHERE subject <> $1 ORDER BY id", user["sub"]) == before
    assert await faults(connection) == []
    assert await connection.fetchval("SELECT count(*) FROM audit_erasures") == 0


async def test_an_entry_that_is_changed_beyond_erasing_is_found(services, people, connection):
    user = await people.sign_up()
    await chained(connection)
    await services.audit_erasure.erase_now(user["sub"], **BY)
    await connection.execute("UPDATE audit_entries SET ip = '192.0.2.66' WHERE type = 'user.created'")
    await chained(connection)
    (wrong,) = await faults(connection)
    assert "erased" in wrong[1]


async def test_a_deletion_that_does_not_commit_erases_nobody(services, people, connection):
    user = await people.sign_up()
    try:
        async with services.db.transaction() as tx:
            await services.audit_erasure.erase(tx, user["sub"])
            raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    services.clock.offset += timedelta(hours=1)
    assert await services.audit_erasure.erase_due(actor=SYSTEM, origin=ORIGIN) == 0


async def test_entries_by_the_thousand_and_those_not_yet_chained_go_too(services, connection):
    await write(connection, services.clock.now(), rows=1300, subject="ann", details=json.dumps({"email": "a@b"}))
    erasing = services.audit_erasure.erase_now("ann", **BY)
    # The chain is written meanwhile: neither undoes the other.
    erased, _ = await asyncio.gather(erasing, chained(connection))
    assert erased == 1300
    await chained(connection)
    await services.audit_erasure.erase_now("ann", **BY)
    await chained(connection)
    held = "subject = 'ann' AND type <> 'audit.erased'"
    assert await connection.fetchval(f"SELECT count(*) FROM audit_entries WHERE {held} AND details <> '{{}}'") == 0
    assert await connection.fetchval(f"SELECT count(*) FROM audit_entries WHERE {held} AND ip IS NOT NULL") == 0
    assert await faults(connection) == []


async def test_what_somebody_did_to_others_stays_when_they_go(services, connection):
    await write(connection, services.clock.now(), rows=1, actor_id="admin", subject="ann")
    assert await services.audit_erasure.erase_now("admin", **BY) == 0
    assert await connection.fetchval("SELECT ip FROM audit_entries WHERE actor_id = 'admin'") is not None


async def test_the_worker_erases_whom_an_owner_closed_for_good(services, api, people, connection):
    tokens = await people.signed_in()
    answer = await api.request("DELETE", "/auth/me", headers=bearer(tokens))
    assert answer.status_code in {200, 202, 204}, answer.text
    services.clock.offset += timedelta(days=40)
    await services.closing.delete_due(ORIGIN)
    sub = await connection.fetchval("SELECT subject FROM audit_erasures")
    assert sub is not None
    services.clock.offset += timedelta(minutes=2)
    worker = Worker(services)
    worker.jobs.schedule("erase each second", "* * * * * */1", lambda: services.audit_erasure.erase_due(**BY))
    async with asyncio.timeout(60), working(worker):
        while await connection.fetchval("SELECT count(*) FROM audit_erasures"):
            await asyncio.sleep(0.05)
    assert await connection.fetchval(PERSONAL, sub) == 0
