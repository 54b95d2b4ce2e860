"""The log over HTTP: who may read it, page by page and as a stream, and that it tells who did."""

import csv
import io
import json
import re

import httpx2
import pytest

from tests.administrators import Administrators
from tests.support import Events, People, bearer, problem

pytestmark = pytest.mark.anyio

LOGS = "/admin/audit-logs"
READ = "admin:audit-logs:read"


@pytest.fixture
async def reader(admins: Administrators) -> dict[str, str]:
    return await admins.holding(READ)


@pytest.mark.parametrize("path", [LOGS, f"{LOGS}/export", f"{LOGS}/01a1feb9-d437-7000-8000-000000000000"])
async def test_who_may_not_read_the_log_is_refused_and_reads_nothing(
    api: httpx2.AsyncClient, people: People, admins: Administrators, events: Events, path: str
):
    problem(await api.get(path), 401, "missing_token")
    problem(await api.get(path, headers=bearer(await people.signed_in())), 403, "insufficient_scope")
    other = await admins.holding("admin:audit-logs:write", "admin:users:read")
    problem(await api.get(path, headers=other), 403, "insufficient_scope")
    assert await events.of("audit.read", "audit.exported") == []


async def test_a_person_s_sign_ins_are_found_by_their_subject(
    api: httpx2.AsyncClient, people: People, reader: dict[str, str]
):
    user = await people.sign_up()
    await people.log_in()
    await api.post("/auth/login", json={"email": "ann@example.com", "password": "wrong"})
    answer = await api.get(LOGS, params={"subject": user["sub"], "type": "login.failed"}, headers=reader)
    assert answer.status_code == 200, answer.text
    (entry,) = answer.json()["items"]
    assert entry["outcome"] == "refused"
    assert entry["actor"]["kind"] == "anonymous"
    assert re.fullmatch(r"[0-9a-f]{32}", entry["trace_id"])
    by_trace = await api.get(LOGS, params={"trace_id": entry["trace_id"]}, headers=reader)
    assert entry["id"] in [each["id"] for each in by_trace.json()["items"]]
    shown = await api.get(f"{LOGS}/{entry['id']}", headers=reader)
    assert shown.json() == entry


async def test_pages_go_back_in_time_and_their_cursor_opens_no_other_list(
    api: httpx2.AsyncClient, people: People, reader: dict[str, str], admins: Administrators
):
    await people.sign_up()
    for _ in range(4):
        await people.log_in()
    asked = {"type": "session.created", "limit": "2"}
    first = (await api.get(LOGS, params=asked, headers=reader)).json()
    second = (await api.get(LOGS, params=asked | {"after": first["next"]}, headers=reader)).json()
    times = [item["at"] for item in (*first["items"], *second["items"])]
    assert times == sorted(times, reverse=True)
    assert len({item["id"] for item in (*first["items"], *second["items"])}) == 4
    for changed in ({"type": "login.failed"}, {"type": "session.created", "ip": "192.0.2.1"}, {}):
        answer = await api.get(LOGS, params=changed | {"after": first["next"]}, headers=reader)
        problem(answer, 400, "invalid_cursor")
    other = await admins.holding(READ)
    problem(await api.get(LOGS, params=asked | {"after": first["next"]}, headers=other), 400, "invalid_cursor")


async def test_each_page_and_each_export_is_one_entry(api: httpx2.AsyncClient, reader: dict[str, str], events: Events):
    answer = await api.get(LOGS, params={"outcome": "refused", "from": "2026-01-01T00:00:00Z"}, headers=reader)
    exported = await api.get(f"{LOGS}/export", params={"format": "csv"}, headers=reader)
    read, taken = await events.of("audit.read", "audit.exported")
    assert read["details"]["filter"] == {"outcome": "refused", "from": "2026-01-01T00:00:00.000Z"}
    assert (read["trace_id"], taken["trace_id"]) == (answer.headers["x-trace-id"], exported.headers["x-trace-id"])
    assert (read["actor_kind"], taken["actor_kind"]) == ("user", "user")
    assert taken["details"] == {"format": "csv", "filter": {}}


async def test_an_export_is_a_file_of_lines(api: httpx2.AsyncClient, people: People, reader: dict[str, str]):
    await people.signed_in()
    ndjson = await api.get(f"{LOGS}/export", headers=reader)
    assert ndjson.headers["content-type"] == "application/x-ndjson"
    assert ndjson.headers["content-disposition"] == 'attachment; filename="audit-log.ndjson"'
    assert ndjson.headers["cache-control"] == "no-store"
    entries = [json.loads(line) for line in ndjson.text.splitlines()]
    assert {"user.created", "session.created"} <= {entry["type"] for entry in entries}
    table = await api.get(f"{LOGS}/export", params={"format": "csv", "type": "user.created"}, headers=reader)
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(table.text, newline="")))
    assert len(rows) == 2


@pytest.mark.parametrize(
    "query",
    [
        "from=yesterday",
        "from=2026-01-01T00:00:00",
        "to=0001-01-01T00:00:00%2B23:00",
        "from=1969-12-31T23:59:59Z",
        "to=9999-12-31T23:59:59-23:00",
        "outcome=maybe",
        "ip=1.2.3.4.5",
        "actor=%00",
        "actor=" + "a" * 256,
        "type=a%0ab",
        "limit=0",
        "limit=201",
    ],
)
async def test_what_cannot_be_meant_is_refused(
    steady_api: httpx2.AsyncClient, steady_admin: dict[str, str], query: str
):
    problem(await steady_api.get(f"{LOGS}?{query}", headers=steady_admin), 422, "validation_failed")


async def test_an_entry_that_is_not_there_is_404(api: httpx2.AsyncClient, reader: dict[str, str]):
    answer = await api.get(f"{LOGS}/01a1feb9-d437-7000-8000-000000000000", headers=reader)
    problem(answer, 404, "audit_entry_not_found")
