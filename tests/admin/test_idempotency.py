import asyncio
import json

import httpx2
import pytest
from sqlalchemy import text

from app.foundation.db import DatabaseUnavailable
from app.foundation.idempotency.service import KEPT_FOR, Answer, KeyedRequest
from app.wiring import Services
from tests.administrators import BY, Administrators
from tests.support import Events, claims_of, problem

pytestmark = pytest.mark.anyio

ROTATE = "/admin/signing-keys/rotate"
WRITE = "admin:signing-keys:write"


def keyed(headers: dict[str, str], key: str = "k-1") -> dict[str, str]:
    return headers | {"Idempotency-Key": key}


async def test_a_repeated_request_gets_the_first_answer_and_is_done_once(
    api: httpx2.AsyncClient, admins: Administrators, events: Events
):
    writer = keyed(await admins.holding(WRITE))
    first = await api.post(ROTATE, json={}, headers=writer)
    again = await api.post(ROTATE, json={}, headers=writer)
    assert first.status_code == again.status_code == 200
    assert again.content == first.content
    assert again.headers["content-type"] == first.headers["content-type"]
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert len(await events.of("signing_key.rotated")) == 1


async def test_another_body_or_address_with_the_same_key_is_refused(
    api: httpx2.AsyncClient, admins: Administrators, events: Events
):
    writer = keyed(await admins.holding(WRITE))
    assert (await api.post(ROTATE, json={}, headers=writer)).status_code == 200
    problem(await api.post(ROTATE, json={"force": True}, headers=writer), 422, "idempotency_key_reused")
    problem(await api.post(f"{ROTATE}?x=1", json={}, headers=writer), 422, "idempotency_key_reused")
    assert len(await events.of("signing_key.rotated")) == 1


async def test_the_same_key_of_another_caller_is_another_key(
    api: httpx2.AsyncClient, admins: Administrators, events: Events
):
    for _ in range(2):
        answer = await api.post(ROTATE, json={}, headers=keyed(await admins.holding(WRITE)))
        assert answer.status_code == 200
        assert "idempotent-replayed" not in answer.headers
    assert len(await events.of("signing_key.rotated")) == 2


async def test_of_many_at_once_one_is_done_and_the_others_wait_or_get_its_answer(
    api: httpx2.AsyncClient, admins: Administrators, events: Events
):
    writer = keyed(await admins.holding(WRITE))
    answers = await asyncio.gather(*(api.post(ROTATE, json={}, headers=writer) for _ in range(6)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert len({answer.content for answer in answers if answer.status_code == 200}) == 1
    for answer in answers:
        if answer.status_code == 409:
            problem(answer, 409, "request_still_running")
            assert answer.headers["retry-after"] == "1"
    assert len(await events.of("signing_key.rotated")) == 1


async def test_while_the_first_runs_a_second_is_told_so(
    api: httpx2.AsyncClient, admins: Administrators, services: Services
):
    writer = keyed(await admins.holding(WRITE))
    caller = claims_of(writer["Authorization"].removeprefix("Bearer "))["sub"]
    running = KeyedRequest(caller=caller, route=ROTATE, key="k-1", target=f"{ROTATE}?", body=b"{}")

    async def perform() -> Answer:
        # Another task, as each request is one: this one would join what it is in the middle of.
        second = await asyncio.create_task(api.post(ROTATE, json={}, headers=writer))
        problem(second, 409, "request_still_running")
        return Answer(status=200, headers=(), body=b"first")

    assert (await services.idempotent_answers.answer(running, perform)).body == b"first"
    assert (await api.post(ROTATE, json={}, headers=writer)).content == b"first"


async def test_a_run_that_dies_leaves_no_claim_and_no_change(
    api: httpx2.AsyncClient, admins: Administrators, services: Services, events: Events
):
    writer = keyed(await admins.holding(WRITE))
    caller = claims_of(writer["Authorization"].removeprefix("Bearer "))["sub"]
    dying = KeyedRequest(caller=caller, route=ROTATE, key="k-1", target=f"{ROTATE}?", body=b"{}")

    async def perform() -> Answer:
        await services.key_rotation.rotate(None, overlap_seconds=None, force=False, **BY)
        async with services.db.transaction() as tx:
            own = await tx.scalar(text("SELECT pg_backend_pid()"))
        killed = await services.db.fetchrow("SELECT pg_terminate_backend($1, 5000)", own)
        assert killed is not None
        assert killed[0]
        async with services.db.transaction():
            raise AssertionError("the connection is gone")

    with pytest.raises(DatabaseUnavailable):
        await services.idempotent_answers.answer(dying, perform)
    assert await events.of("signing_key.rotated") == []
    assert (await api.post(ROTATE, json={}, headers=writer)).status_code == 200
    assert len(await events.of("signing_key.rotated")) == 1


async def test_a_refusal_is_not_kept(api: httpx2.AsyncClient, admins: Administrators):
    writer = keyed(await admins.holding(WRITE))
    problem(await api.post(ROTATE, json={"overlap_seconds": 1}, headers=writer), 422, "overlap_too_short")
    assert (await api.post(ROTATE, json={}, headers=writer)).status_code == 200


async def test_a_kept_answer_is_given_only_to_who_may_still_ask(
    api: httpx2.AsyncClient, admins: Administrators, events: Events
):
    writer = keyed(await admins.holding(WRITE))
    assert (await api.post(ROTATE, json={}, headers=writer)).status_code == 200
    await admins.grow_stale()
    problem(await api.post(ROTATE, json={}, headers=writer), 401, "insufficient_user_authentication")


async def test_what_is_kept_is_encrypted_and_forgotten_after_a_day(
    api: httpx2.AsyncClient, admins: Administrators, services: Services, events: Events
):
    writer = keyed(await admins.holding(WRITE))
    first = await api.post(ROTATE, json={}, headers=writer)
    async with services.db.transaction() as tx:
        row = (await tx.execute(text("SELECT * FROM kept_answers"))).one()
        for value in (first.json()["active_kid"], "k-1", json.dumps(first.json())):
            assert value.encode() not in row.sealed + row.key_hash
        assert row.expires_at > services.clock.now() + KEPT_FOR * 0.9
        await tx.execute(text("UPDATE kept_answers SET expires_at = now() - interval '1 second'"))
    again = await api.post(ROTATE, json={}, headers=writer)
    assert again.status_code == 200
    assert again.content != first.content


@pytest.mark.parametrize("key", ["", " ", "a b", "ä", "k" * 256])
async def test_a_key_that_is_none_is_refused(api: httpx2.AsyncClient, admins: Administrators, key: str):
    writer = await admins.holding(WRITE)
    headers = [*writer.items(), ("Idempotency-Key", key.encode())]
    problem(await api.post(ROTATE, json={}, headers=headers), 400, "invalid_idempotency_key")


async def test_two_keys_are_refused(api: httpx2.AsyncClient, admins: Administrators):
    headers = [*(await admins.holding(WRITE)).items(), ("Idempotency-Key", "a"), ("Idempotency-Key", "a")]
    problem(await api.post(ROTATE, json={}, headers=headers), 400, "invalid_idempotency_key")
