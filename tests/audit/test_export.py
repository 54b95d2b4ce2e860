"""The log is carried away as a stream of lines that do no harm, whoever wrote into it and whatever reads it."""

import asyncio
import csv
import io
import json
import tracemalloc
from datetime import timedelta

import pytest

from app.audit.export import COLUMNS, ExportFormat, lines
from app.audit.search import AuditFilter
from tests.audit.support import OPERATOR, ORIGIN, write


async def exported(services, form, **wanted):
    entries = await services.audit_search.export(AuditFilter(**wanted), form=form, actor=OPERATOR, origin=ORIGIN)
    return b"".join([piece async for piece in lines(entries, form)])


async def test_ndjson_has_a_line_for_each_entry_oldest_first(services, connection):
    await write(connection, services.clock.now(), rows=1201, type="t.t")
    found = [json.loads(line) for line in (await exported(services, ExportFormat.NDJSON, type="t.t")).splitlines()]
    assert [entry["details"]["n"] for entry in found] == list(reversed(range(1201)))
    assert found[0]["actor"] == {"kind": "user", "id": f"actor{1200 % 500}"}
    assert found[0]["at"].endswith("Z")


async def test_csv_says_the_same(services, connection):
    await write(connection, services.clock.now(), rows=7, type="t.t")
    text = (await exported(services, ExportFormat.CSV, type="t.t")).decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert tuple(rows[0]) == COLUMNS
    assert [json.loads(row["details"])["n"] for row in rows] == list(reversed(range(7)))


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t=", "\r=", "  =", "＝"])  # noqa: RUF001 — as attackers write it
async def test_a_spreadsheet_runs_nothing_that_a_stranger_typed(services, connection, begin):
    evil = f'{begin}HYPERLINK("http://evil.example","a"),\r\n"=1"'
    await write(connection, services.clock.now(), rows=1, type="t.t", user_agent=evil, subject=evil, actor_id=evil)
    text = (await exported(services, ExportFormat.CSV, type="t.t")).decode()
    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    for column in ("user_agent", "subject", "actor_id"):
        assert row[column] == f"'{evil}"
    parsed = list(csv.reader(io.StringIO(text, newline="")))
    assert [len(each) for each in parsed] == [len(COLUMNS)] * 2


async def test_who_took_the_log_away_is_in_it_before_they_have_a_line(services, connection, events):
    await write(connection, services.clock.now(), rows=2)
    entries = await services.audit_search.export(AuditFilter(), form="csv", actor=OPERATOR, origin=ORIGIN)
    (event,) = await events.of("audit.exported")
    assert (event["actor_id"], event["details"]) == ("ops", {"format": "csv", "filter": {}})
    await entries.aclose()


async def test_an_export_is_of_its_moment_and_ends_though_the_log_grows(services, connection):
    await write(connection, services.clock.now(), rows=600, type="t.t")
    entries = await services.audit_search.export(AuditFilter(type="t.t"), form="ndjson", actor=OPERATOR, origin=ORIGIN)
    count = 0
    async for _ in entries:
        count += 1
        if count % 100 == 0:
            await write(connection, services.clock.now(), rows=100, every=timedelta(0), type="t.t")
    assert count == 600


async def test_memory_and_connections_do_not_grow_with_the_log(services, connection):
    peaks = []
    for rows in (2_000, 10_000):
        kind = f"t.{rows}"
        await write(connection, services.clock.now(), rows=rows, type=kind)
        await exported_size(services, kind)
        tracemalloc.start()
        size = await exported_size(services, kind)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert size > rows * 200
    assert peaks[1] < peaks[0] * 1.5, peaks


async def exported_size(services, kind):
    form = ExportFormat.NDJSON
    entries = await services.audit_search.export(AuditFilter(type=kind), form=form, actor=OPERATOR, origin=ORIGIN)
    size = 0
    async for piece in lines(entries, form):
        size += len(piece)
        # A slow reader holds no connection: others take them all meanwhile.
        await asyncio.sleep(0)
        assert services.db._checked_out() == 0
    return size
