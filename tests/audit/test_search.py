"""The log is searched by what an investigator knows, by way of indexes, and reading it is in it."""

from datetime import timedelta

import pytest
from sqlalchemy.dialects import postgresql

from app.audit.errors import AuditEntryNotFound
from app.audit.event import Outcome
from app.audit.search import AuditFilter, newest
from app.foundation.ids import new_id
from tests.audit.support import OPERATOR, ORIGIN, write

BY = {"actor": OPERATOR, "origin": ORIGIN}


async def found(services, **wanted):
    entries = await services.audit_search.list(AuditFilter(**wanted), limit=200, **BY)
    return [entry.details.get("n") for entry in entries]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"actor": "actor7"}, [7]),
        ({"subject": "subject8"}, [8]),
        ({"type": "login.failed", "actor": "actor4"}, [4]),
        ({"type": "login.failed", "actor": "actor5"}, []),
        ({"outcome": Outcome.REFUSED, "subject": "subject10"}, [10]),
        ({"ip": "198.51.0.9"}, [9]),
        ({"trace_id": f"{11:032x}"}, [11]),
        ({"trace_id": "' OR true --"}, []),
    ],
)
async def test_each_filter_finds_what_has_it_and_all_of_them_together(services, connection, wanted, expected):
    await write(connection, services.clock.now(), rows=30)
    assert await found(services, **wanted) == expected


async def test_a_stretch_of_time_begins_with_its_first_moment_and_ends_before_its_last(services, connection):
    now = services.clock.now().replace(microsecond=0)
    await write(connection, now, rows=30, every=timedelta(minutes=1))
    since, until = now - timedelta(minutes=9), now - timedelta(minutes=5)
    assert await found(services, since=since, until=until) == [6, 7, 8, 9]


async def test_entries_come_newest_first_in_pages(services, connection):
    await write(connection, services.clock.now(), rows=10, type="t.t")
    wanted = AuditFilter(type="t.t")
    first = await services.audit_search.list(wanted, limit=4, **BY)
    second = await services.audit_search.list(wanted, limit=200, before=first[-1].id, **BY)
    assert [entry.details["n"] for entry in (*first, *second)] == list(range(10))


async def test_who_reads_the_log_is_in_it_once(services, connection, events):
    await write(connection, services.clock.now(), rows=3)
    (entry,) = await services.audit_search.list(AuditFilter(actor="actor1"), limit=50, **BY)
    await services.audit_search.get(entry.id, **BY)
    listed, shown = await events.of("audit.read")
    assert (listed["actor_id"], listed["ip"], listed["trace_id"]) == ("ops", ORIGIN.ip, ORIGIN.trace_id)
    assert listed["details"] == {"filter": {"actor": "actor1"}, "entries": 1}
    assert shown["details"] == {"filter": {"id": str(entry.id)}, "entries": 1}


async def test_an_entry_that_is_not_there_is_not_found(services, events):
    with pytest.raises(AuditEntryNotFound):
        await services.audit_search.get(new_id(services.clock.now()), **BY)
    assert await events.of("audit.read") == []


MANY = 30_000
INDEXED = {
    "actor": ("actor_id_id", {"actor": "actor7"}),
    "subject": ("subject_id", {"subject": "subject7"}),
    "type": ("type_id", {"type": "rare.type"}),
    "ip": ("ip_id", {"ip": "198.51.0.7"}),
    "trace": ("trace_id", {"trace_id": f"{7:032x}"}),
    "outcome": ("Index Scan", {"outcome": Outcome.REFUSED}),
    "nothing": ("pkey", {}),
}


async def test_every_filter_uses_an_index_on_a_large_log_and_leaves_other_months_alone(services, connection):
    now = services.clock.now()
    await write(connection, now, rows=MANY, every=timedelta(milliseconds=1), outcome="success")
    await connection.execute("VACUUM ANALYZE audit_entries")
    for name, (index, wanted) in INDEXED.items():
        asked = AuditFilter(**wanted, since=now - timedelta(hours=1), until=now + timedelta(hours=1))
        plan = await explained(connection, asked)
        assert index in plan, (name, plan)
        assert "Seq Scan" not in plan, (name, plan)
        # What the index finds is what is meant: nothing is read and thrown away.
        assert "Filter: (outcome" not in plan, (name, plan)
        # One month, or two where one has just begun; never the months to come.
        months = {(now + timedelta(hours=hours)).strftime("p%Y%m") for hours in (-1, 1)}
        others = {(now + timedelta(days=days)).strftime("p%Y%m") for days in (40, 70)} | {"pdefault"}
        assert any(f"audit_entries_{month}" in plan for month in months), plan
        assert not any(f"audit_entries_{month}" in plan for month in others), plan


async def explained(connection, wanted):
    """The plan of the very statement that a search sends."""
    statements = []

    class Seen:
        async def execute(self, statement):
            statements.append(statement.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True}))
            raise StopAsyncIteration

    with pytest.raises((StopAsyncIteration, RuntimeError)):
        await newest(Seen(), wanted, limit=51)
    plan = await connection.fetch(f"EXPLAIN {statements[0]}")
    return "\n".join(row[0] for row in plan)
