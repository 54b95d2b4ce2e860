"""Ending sessions: logout, everywhere, from the list, and what a token for another audience may end."""

import asyncio

import httpx2
import pytest
from sqlalchemy import text

from app.wiring import Services
from tests.support import Events, People, bearer, claims_of, problem

pytestmark = pytest.mark.anyio

# A row for each, and how many transactions ended them.
_REVOKED = text(
    """
    SELECT (SELECT count(*) FROM revocations WHERE target = ANY(:sids)),
      (SELECT count(DISTINCT xmin::text) FROM sessions WHERE sid = ANY(:sids))"""
)


async def live(api: httpx2.AsyncClient, tokens: dict[str, str]) -> bool:
    return (await api.get("/auth/validate", headers=bearer(tokens))).status_code == 200


@pytest.mark.attack("SES-05")
async def test_after_logout_every_token_of_the_session_is_dead(
    api: httpx2.AsyncClient, people: People, events: Events
) -> None:
    tokens = await people.signed_in(audience="orders-api")
    answer = await api.post("/auth/logout", headers=bearer(tokens))
    assert (answer.status_code, answer.content) == (204, b"")
    problem(await api.get("/auth/validate", headers=bearer(tokens)), 401, "invalid_token")
    problem(await api.post("/auth/logout", headers=bearer(tokens)), 401, "invalid_token")
    refused = await api.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    problem(refused, 401, "invalid_refresh_token")
    (entry,) = await events.of("session.revoked")
    assert entry["details"] == {"sid": claims_of(tokens["access_token"])["sid"], "reason": "logout"}


@pytest.mark.attack("SES-05")
async def test_sessions_that_are_signed_out_of_at_one_moment_end_together_and_each_once(
    api: httpx2.AsyncClient, people: People, events: Events, services: Services
) -> None:
    mine = [await people.signed_in(), *[await people.log_in() for _ in range(5)]]
    theirs = [await people.signed_in("bob@example.com"), await people.log_in("bob@example.com")]
    kept = await people.log_in()
    every = [*mine, *theirs]
    asked = [api.post("/auth/logout", headers=bearer(tokens)) for tokens in [*every, *mine]]
    statuses = [answer.status_code for answer in await asyncio.gather(*asked)]
    # Of two for one session the later one may find it over already.
    assert all(204 in (first, second) for first, second in zip(statuses, statuses[len(every) :], strict=False))
    assert set(statuses) <= {204, 401}
    assert [await live(api, tokens) for tokens in every] == [False] * len(every)
    assert await live(api, kept)
    ended = [claims_of(tokens["access_token"])["sid"] for tokens in every]
    entries = await events.of("session.revoked")
    assert sorted(entry["details"]["sid"] for entry in entries) == sorted(ended)
    subjects = {entry["details"]["sid"]: entry["subject"] for entry in entries}
    assert [subjects[sid] for sid in ended] == [claims_of(tokens["access_token"])["sub"] for tokens in every]
    async with services.db.transaction() as tx:
        found = await tx.execute(_REVOKED, {"sids": ended})
        rows, commits = found.one()
    assert rows == len(ended)
    assert commits < len(ended)


async def test_a_body_of_null_or_none_ends_one_session_and_another_is_refused(
    api: httpx2.AsyncClient, people: People
) -> None:
    tokens = await people.signed_in()
    wrong = await api.post("/auth/logout", headers=bearer(tokens), json={"everywhere": "yes"})
    problem(wrong, 422, "validation_failed")
    problem(await api.post("/auth/logout", headers=bearer(tokens), json={"all": True}), 422, "validation_failed")
    assert await live(api, tokens)
    answer = await api.post(
        "/auth/logout", headers={**bearer(tokens), "Content-Type": "application/json"}, content=b"null"
    )
    assert answer.status_code == 204
    assert not await live(api, tokens)


async def test_logout_ends_one_session_and_leaves_the_others(api: httpx2.AsyncClient, people: People) -> None:
    first = await people.signed_in()
    second = await people.log_in()
    await api.post("/auth/logout", headers=bearer(first), json={})
    assert not await live(api, first)
    assert await live(api, second)


async def test_logout_everywhere_ends_every_session_of_the_user_and_of_nobody_else(
    api: httpx2.AsyncClient, people: People
) -> None:
    bob = await people.signed_in("bob@example.com")
    mine = [await people.signed_in(), await people.log_in(), await people.log_in(audience="orders-api")]
    answer = await api.post("/auth/logout", headers=bearer(mine[0]), json={"everywhere": True})
    assert answer.status_code == 204
    assert [await live(api, tokens) for tokens in mine] == [False] * 3
    assert await live(api, bob)


async def test_a_token_for_another_audience_ends_only_its_own_session(api: httpx2.AsyncClient, people: People) -> None:
    own = await people.signed_in()
    orders = await people.log_in(audience="orders-api")
    problem(await api.post("/auth/logout", headers=bearer(orders), json={"everywhere": True}), 401, "invalid_token")
    assert await live(api, own)
    assert await live(api, orders)
    assert (await api.post("/auth/logout", headers=bearer(orders))).status_code == 204
    assert await live(api, own)


async def test_a_person_sees_their_sessions_and_ends_one(api: httpx2.AsyncClient, people: People) -> None:
    await people.signed_in("bob@example.com")
    first = await people.signed_in()
    second = await people.log_in()
    items = (await api.get("/auth/sessions", headers=bearer(second))).json()["items"]
    assert [item["current"] for item in items] == [True, False]
    assert claims_of(second["access_token"])["sid"] not in str(items)
    other = next(item for item in items if not item["current"])
    assert (await api.delete(f"/auth/sessions/{other['id']}", headers=bearer(second))).status_code == 204
    assert not await live(api, first)
    assert await live(api, second)
    problem(await api.delete(f"/auth/sessions/{other['id']}", headers=bearer(second)), 404, "not_found")


async def test_sessions_are_listed_in_pages(api: httpx2.AsyncClient, people: People) -> None:
    tokens = await people.signed_in()
    for _ in range(4):
        tokens = await people.log_in()
    seen, after = [], None
    while True:
        query = {"limit": 2} | ({"after": after} if after else {})
        page = (await api.get("/auth/sessions", headers=bearer(tokens), params=query)).json()
        seen += [item["id"] for item in page["items"]]
        after = page["next"]
        if after is None:
            break
        assert len(page["items"]) == 2
    assert len(seen) == len(set(seen)) == 5
    assert seen == sorted(seen, reverse=True)


async def test_a_cursor_of_another_person_is_refused(api: httpx2.AsyncClient, people: People) -> None:
    mine = await people.signed_in()
    await people.log_in()
    page = (await api.get("/auth/sessions", headers=bearer(mine), params={"limit": 1})).json()
    theirs = await people.signed_in("bob@example.com")
    answer = await api.get("/auth/sessions", headers=bearer(theirs), params={"after": page["next"]})
    problem(answer, 400, "invalid_cursor")


async def test_nobody_ends_the_session_of_another(api: httpx2.AsyncClient, people: People) -> None:
    bob = await people.signed_in("bob@example.com")
    (listed,) = (await api.get("/auth/sessions", headers=bearer(bob))).json()["items"]
    ann = await people.signed_in()
    problem(await api.delete(f"/auth/sessions/{listed['id']}", headers=bearer(ann)), 404, "not_found")
    assert await live(api, bob)
