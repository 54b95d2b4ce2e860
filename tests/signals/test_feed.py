"""The feed over HTTP: snapshots, changes, streams, and every way to be refused."""

import asyncio
import time

import httpx2
import pytest

from app.audit.event import SYSTEM
from app.revocation.kinds import RevocationKind
from app.signals import snapshots
from app.wiring import Services
from tests.signals.conftest import ORIGIN, PATH, Reader, ids, make_reader
from tests.support import People, problem


async def test_a_snapshot_holds_what_was_revoked_before_and_the_changes_what_came_after(reader: Reader) -> None:
    await reader.revoke("first", "second")
    batches, cursor = await reader.poll()
    while sorted(ids(batches[-1])) != ["first", "second"]:
        await asyncio.sleep(0.01)
        batches, cursor = await reader.poll()
    [snapshot] = batches
    assert (snapshot["from"], snapshot["count"], snapshot["part"], snapshot["parts"]) == (0, 2, 1, 1)
    assert abs(snapshot["as_of"] - time.time()) < 60

    await reader.revoke("third")
    [change], after = await reader.poll(cursor, wait=20)
    assert ids(change) == ["third"]
    assert (change["from"], change["to"]) == (snapshot["to"], snapshot["to"] + 1)
    assert after == f"{snapshot['epoch']}.{change['to']}"
    entry = change["entries"][0]
    assert entry["kind"] == "sid"
    assert entry["expires"] > entry["at"] + 3600


async def test_a_stream_begins_with_a_snapshot_and_tells_each_revocation_and_each_second(reader: Reader) -> None:
    await reader.revoke("before")
    async with reader.stream() as events:
        snapshot = await events.next()
        assert snapshot is not None
        assert "count" in snapshot
        position = snapshot["to"]
        if "before" not in ids(snapshot):
            position = (await events.until("before"))[-1]["to"]
        await reader.revoke("during")
        for batch in await events.until("during"):
            # Nothing is left out: each begins where the one before it ended.
            assert batch["from"] == position
            position = batch["to"]
        beat = await events.next()
        assert beat is not None
        assert (beat["entries"], beat["from"], beat["to"]) == ([], position, position)


async def test_who_comes_again_with_a_cursor_gets_what_was_missed_and_nothing_twice(reader: Reader) -> None:
    async with reader.stream() as events:
        await events.next()
        await reader.revoke("seen")
        await events.until("seen")
        cursor = events.cursor
    # One statement: both are numbered together.
    await reader.revoke("missed-1", "missed-2")
    async with reader.stream(cursor) as events:
        batches = await events.until("missed-2")
    assert sorted(one for batch in batches for one in ids(batch)) == ["missed-1", "missed-2"]


async def test_a_stream_ends_the_session_of_a_person_who_logs_out(reader: Reader, server: httpx2.AsyncClient) -> None:
    people = People(server)
    tokens = await people.signed_in(audience="orders-api")
    async with reader.stream() as events:
        await events.next()
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        assert (await server.post("/auth/logout", headers=headers)).status_code == 204
        while (batch := await events.next()) is not None and not batch["entries"]:
            pass
        assert batch is not None
        assert {entry["kind"] for entry in batch["entries"]} >= {"sid"}


async def test_entries_of_another_audience_are_not_told(reader: Reader, services: Services) -> None:
    other = await make_reader(services, reader.client, audience="billing-api")
    assert other.client_id != reader.client_id
    await reader.revoke("theirs", kind=RevocationKind.SUB, audience="billing-api")
    await reader.revoke("ours", kind=RevocationKind.SUB, audience="orders-api")
    batches, cursor = await reader.poll()
    while "ours" not in ids(batches[-1]):
        batches, cursor = await reader.poll(cursor, wait=5)
    assert "theirs" not in ids(batches[-1])
    # Where only time decides, the moment is a whole second that has not begun when it is written.
    [entry] = [entry for entry in batches[-1]["entries"] if entry["id"] == "ours"]
    assert entry["at"] == int(entry["at"])


async def test_a_storm_shares_batches_and_a_large_snapshot_comes_in_parts(reader: Reader) -> None:
    async with reader.stream() as events:
        await events.next()
        await reader.revoke(*(f"storm-{number}" for number in range(4500)))
        told: list[str] = []
        batches = 0
        while len(told) < 4500:
            batch = await events.next()
            assert batch is not None
            assert len(batch["entries"]) <= 500
            told += ids(batch)
            batches += bool(batch["entries"])
    assert sorted(told) == sorted(f"storm-{number}" for number in range(4500))
    assert batches <= 30
    parts, cursor = await reader.poll()
    while parts[0]["count"] < 4500:  # A snapshot may be as old as its sharing allows.
        parts, cursor = await reader.poll()
    assert [(part["part"], part["parts"], part["count"]) for part in parts] == [(n, 9, 4500) for n in range(1, 10)]
    assert {part["to"] for part in parts} == {parts[0]["to"]}
    assert len({one for part in parts for one in ids(part)}) == 4500
    assert cursor.endswith(f".{parts[0]['to']}")


async def test_a_snapshot_too_large_to_be_held_is_the_same_by_stream_and_by_poll(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The limit alone is made small: what is tested is what happens beyond it.
    monkeypatch.setattr(snapshots, "MAX_SHARED_PARTS", 2)
    monkeypatch.setattr(snapshots, "MAX_LARGE", 1)
    await reader.revoke(*(f"large-{number}" for number in range(1700)))
    parts, _ = await reader.poll()
    while parts[0]["count"] < 1700:
        parts, _ = await reader.poll()
    assert [(part["part"], part["parts"]) for part in parts] == [(n, 4) for n in range(1, 5)]
    async with reader.stream() as events:
        streamed = [await events.next() for _ in range(4)]
        await reader.revoke("afterwards")
        await events.until("afterwards")
    assert [ids(part) for part in streamed if part] == [ids(part) for part in parts]
    # Both have ended: the one place is free again.
    plain = await reader.client.get(PATH, headers=reader.headers | {"Accept-Encoding": "identity"})
    packed = await reader.client.get(PATH, headers=reader.headers | {"Accept-Encoding": "gzip"})
    assert (plain.headers.get("content-encoding"), packed.headers["content-encoding"]) == (None, "gzip")
    for answer in (plain, packed):
        opened = [reader.opened(token) for token in answer.json()["batches"]]
        assert sum(len(ids(part)) for part in opened) == opened[0]["count"] >= 1700
    assert int(packed.num_bytes_downloaded) < len(plain.content)


@pytest.mark.parametrize(
    ("cursor", "status", "code"),
    [
        ("0" * 32 + ".5", 410, "cursor_expired"),
        ("nonsense", 400, "invalid_cursor"),
        ("0" * 32 + ".-1", 400, "invalid_cursor"),
        ("0" * 32 + "." + "9" * 20, 400, "invalid_cursor"),
    ],
)
@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_a_cursor_of_another_counting_or_form_is_refused(
    reader: Reader, cursor: str, status: int, code: str, accept: str
) -> None:
    headers = {**reader.headers, "Accept": accept}
    problem(await reader.client.get(PATH, params={"after": cursor}, headers=headers), status, code)


async def test_two_cursors_or_a_wait_without_sense_are_refused(reader: Reader) -> None:
    get = reader.client.get
    for wait in ("-1", "31", "NaN", "1e1", "99"):
        problem(await get(PATH, params={"wait": wait}, headers=reader.headers), 422, "validation_failed")
    problem(await get(f"{PATH}?after=a&after=b", headers=reader.headers), 400, "invalid_cursor")


async def test_only_a_service_with_the_scope_may_read_the_feed(reader: Reader, services: Services) -> None:
    refused = await reader.client.get(PATH)
    assert (refused.status_code, refused.json()["code"]) == (401, "invalid_client")
    assert refused.headers["www-authenticate"].startswith("Basic")
    narrow = await make_reader(services, reader.client, audience="orders-api", scope="introspection")
    problem(await reader.client.get(PATH, headers=narrow.headers), 403, "insufficient_scope")


async def test_a_client_that_is_disabled_loses_its_stream_at_once(reader: Reader, services: Services) -> None:
    async with reader.stream() as events:
        await events.next()
        async with services.db.transaction() as tx:
            await services.clients.disable(tx, reader.client_id, actor=SYSTEM, origin=ORIGIN)
        while await events.next() is not None:
            pass
    assert (await reader.client.get(PATH, headers=reader.headers)).status_code == 401


async def test_a_lost_place_ends_streams_and_their_cursors_go_on(reader: Reader, services: Services) -> None:
    async with reader.stream() as events:
        await events.next()
        services.batches.lose_place()
        while await events.next() is not None:
            pass
        cursor = events.cursor
    await reader.revoke("meanwhile")
    async with reader.stream(cursor) as events:
        await events.until("meanwhile")
