"""Refreshing: rotation, the grace window, reuse, and everything that ends a chain of refresh tokens."""

import asyncio
from datetime import timedelta

import httpx2
import pytest
from sqlalchemy import text

from app.wiring import Services
from tests.support import ISSUER, Events, People, bearer, claims_of, problem, suspend

pytestmark = pytest.mark.anyio


async def refresh(api: httpx2.AsyncClient, refresh_token: str, **fields: object) -> httpx2.Response:
    return await api.post("/auth/refresh", json={"refresh_token": refresh_token, **fields})


async def refresh_in_a_crowd(api: httpx2.AsyncClient, refresh_token: str) -> httpx2.Response:
    """As clients do: who finds no free connection in time, as on a busy machine, comes again when told to."""
    while (answer := await refresh(api, refresh_token)).status_code == 503:
        await asyncio.sleep(float(answer.headers["retry-after"]))
    return answer


async def test_refreshing_rotates_the_refresh_token(api: httpx2.AsyncClient, people: People, events: Events) -> None:
    first = await people.signed_in(audience="orders-api")
    answer = await refresh(api, first["refresh_token"])
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    second = answer.json()
    assert second["refresh_token"] != first["refresh_token"]
    before, after = claims_of(first["access_token"]), claims_of(second["access_token"])
    assert {name: after[name] for name in ("sub", "sid", "grant_id", "aud", "scope", "auth_time")} == {
        name: before[name] for name in ("sub", "sid", "grant_id", "aud", "scope", "auth_time")
    }
    assert after["jti"] != before["jti"]
    (entry,) = await events.of("token.refreshed")
    assert entry["subject"] == entry["actor_id"] == after["sub"]
    assert entry["details"] == {"sid": after["sid"], "grant_id": after["grant_id"]}


async def test_a_refresh_may_ask_for_another_audience(api: httpx2.AsyncClient, people: People) -> None:
    tokens = await people.signed_in(audience="orders-api")
    other = (await refresh(api, tokens["refresh_token"], audience="billing-api")).json()
    assert claims_of(other["access_token"])["aud"] == "billing-api"
    assert other["scope"] == "billing:read"
    own = (await refresh(api, other["refresh_token"], audience=ISSUER)).json()
    assert claims_of(own["access_token"])["aud"] == ISSUER


@pytest.mark.attack("REF-03")
async def test_a_refresh_never_widens_the_scope_asked_for_at_sign_in(api: httpx2.AsyncClient, people: People) -> None:
    tokens = await people.signed_in(audience="orders-api", scope="orders:read")
    other = (await refresh(api, tokens["refresh_token"], audience="billing-api")).json()
    assert other["scope"] == ""


async def test_an_unknown_audience_is_refused_before_the_token_is_spent(
    api: httpx2.AsyncClient, people: People
) -> None:
    tokens = await people.signed_in()
    problem(await refresh(api, tokens["refresh_token"], audience="nobody-api"), 400, "invalid_target")
    assert (await refresh(api, tokens["refresh_token"])).status_code == 200


async def test_a_repeated_refresh_gets_the_very_same_successor(
    api: httpx2.AsyncClient, people: People, events: Events
) -> None:
    tokens = await people.signed_in()
    first = (await refresh(api, tokens["refresh_token"])).json()
    second = (await refresh(api, tokens["refresh_token"])).json()
    assert second["refresh_token"] == first["refresh_token"]
    assert len(await events.of("token.refresh_replayed")) == 1
    assert (await refresh(api, first["refresh_token"])).status_code == 200


async def test_twenty_clients_spending_one_token_at_once_get_one_successor(
    api: httpx2.AsyncClient, people: People, services: Services
) -> None:
    tokens = await people.signed_in()
    answers = await asyncio.gather(*(refresh_in_a_crowd(api, tokens["refresh_token"]) for _ in range(20)))
    assert [answer.status_code for answer in answers] == [200] * 20
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1
    row = await services.db.fetchrow("SELECT count(*) FROM refresh_tokens")
    assert row is not None
    assert row[0] == 2


@pytest.mark.attack("REF-01")
@pytest.mark.spec("RFC 9700 §4.14.2")
async def test_a_spent_token_past_the_grace_window_ends_its_session(
    api: httpx2.AsyncClient, people: People, services: Services, events: Events
) -> None:
    tokens = await people.signed_in()
    successor = (await refresh(api, tokens["refresh_token"])).json()
    services.clock.offset += timedelta(seconds=11)
    problem(await refresh(api, tokens["refresh_token"]), 401, "refresh_token_reused")
    problem(await refresh(api, successor["refresh_token"]), 401, "invalid_refresh_token")
    problem(await api.get("/auth/validate", headers=bearer(successor)), 401, "invalid_token")
    assert len(await events.of("token.refresh_reused")) == 1
    (ended,) = await events.of("session.revoked")
    assert ended["details"]["reason"] == "refresh_token_reused"


@pytest.mark.attack("REF-01")
async def test_a_spent_token_whose_successor_was_used_ends_its_session_within_the_grace_window(
    api: httpx2.AsyncClient, people: People
) -> None:
    tokens = await people.signed_in()
    second = (await refresh(api, tokens["refresh_token"])).json()
    third = (await refresh(api, second["refresh_token"])).json()
    problem(await refresh(api, tokens["refresh_token"]), 401, "refresh_token_reused")
    problem(await refresh(api, third["refresh_token"]), 401, "invalid_refresh_token")


@pytest.mark.attack("REF-01")
async def test_reuse_of_one_token_by_many_at_once_ends_the_session_once(
    api: httpx2.AsyncClient, people: People, services: Services, events: Events
) -> None:
    tokens = await people.signed_in()
    await refresh(api, tokens["refresh_token"])
    services.clock.offset += timedelta(seconds=11)
    answers = await asyncio.gather(*(refresh_in_a_crowd(api, tokens["refresh_token"]) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {401}
    assert len(await events.of("session.revoked")) == 1


@pytest.mark.attack("REF-04")
@pytest.mark.parametrize("ending", ["logout", "logout everywhere", "session ended from the list", "user suspended"])
async def test_nothing_is_refreshed_after(
    api: httpx2.AsyncClient, people: People, services: Services, ending: str
) -> None:
    tokens = await people.signed_in()
    match ending:
        case "logout":
            assert (await api.post("/auth/logout", headers=bearer(tokens))).status_code == 204
        case "logout everywhere":
            other = await people.log_in()
            answer = await api.post("/auth/logout", headers=bearer(other), json={"everywhere": True})
            assert answer.status_code == 204
        case "session ended from the list":
            (listed,) = (await api.get("/auth/sessions", headers=bearer(tokens))).json()["items"]
            answer = await api.delete(f"/auth/sessions/{listed['id']}", headers=bearer(tokens))
            assert answer.status_code == 204
        case "user suspended":
            await suspend(services, claims_of(tokens["access_token"])["sub"])
    problem(await refresh(api, tokens["refresh_token"]), 401, "invalid_refresh_token")


@pytest.mark.attack("REF-05")
async def test_nothing_is_refreshed_past_the_absolute_lifetime_though_used_daily(
    api: httpx2.AsyncClient, people: People, services: Services
) -> None:
    tokens = await people.signed_in()
    for _ in range(10):
        services.clock.offset += timedelta(days=3)
        answer = await refresh(api, tokens["refresh_token"])
        if answer.status_code != 200:
            break
        tokens = answer.json()
    problem(await refresh(api, tokens["refresh_token"]), 401, "invalid_refresh_token")
    assert services.clock.offset == timedelta(days=30)


async def test_an_unused_refresh_token_ends_with_the_idle_limit(
    api: httpx2.AsyncClient, people: People, services: Services
) -> None:
    tokens = await people.signed_in()
    services.clock.offset += timedelta(days=14, seconds=1)
    problem(await refresh(api, tokens["refresh_token"]), 401, "invalid_refresh_token")


async def test_an_access_token_never_outlives_its_session(
    api: httpx2.AsyncClient, people: People, services: Services
) -> None:
    tokens = await people.signed_in()
    for _ in range(3):
        services.clock.offset += timedelta(days=9, hours=23)
        tokens = (await refresh(api, tokens["refresh_token"])).json()
    services.clock.offset += timedelta(hours=2, minutes=55)
    tokens = (await refresh(api, tokens["refresh_token"])).json()
    assert tokens["expires_in"] <= 300
    assert tokens["refresh_expires_in"] <= 300


@pytest.mark.attack("REF-10")
async def test_a_dump_of_the_database_replays_nothing(
    api: httpx2.AsyncClient, people: People, services: Services
) -> None:
    tokens = await people.signed_in()
    spent = tokens["refresh_token"]
    tokens = (await refresh(api, spent)).json()
    secret = tokens["refresh_token"].split("_", 2)[2]
    async with services.db.transaction() as tx:
        names = await tx.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
        tables = [(await tx.execute(text(f"SELECT t::text FROM {name} t"))).all() for name in names.all()]
    for raw in (secret, spent.split("_", 2)[2], tokens["access_token"], "correct horse"):
        assert raw not in str(tables)
    row = await services.db.fetchrow("SELECT encode(secret_hash, 'hex') FROM refresh_tokens WHERE rotated_at IS NULL")
    assert row is not None
    stored = f"rt_{tokens['refresh_token'].split('_')[1]}_{row[0][:43]}"
    problem(await refresh(api, stored), 401, "invalid_refresh_token")
    assert (await refresh(api, tokens["refresh_token"])).status_code == 200


@pytest.mark.parametrize(
    "token",
    ["", "rt_", "nonsense", "rt_" + "0" * 32 + "_" + "A" * 43, "rt_" + "g" * 32 + "_" + "A" * 43, "Ä" * 200],
)
async def test_a_token_that_was_never_issued_is_refused(api: httpx2.AsyncClient, token: str, events: Events) -> None:
    problem(await refresh(api, token), 401, "invalid_refresh_token")
    assert len(await events.of("token.refresh_refused")) == 1


async def test_a_guess_at_another_secret_of_a_real_token_does_not_end_its_session(
    api: httpx2.AsyncClient, people: People
) -> None:
    tokens = await people.signed_in()
    prefix = tokens["refresh_token"][:36]
    problem(await refresh(api, prefix + "A" * 43), 401, "invalid_refresh_token")
    assert (await refresh(api, tokens["refresh_token"])).status_code == 200
