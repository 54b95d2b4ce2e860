import asyncio
from typing import Any

import httpx2
import pytest

from app.wiring import Services
from tests.administrators import BY, Administrators
from tests.support import Events, People, bearer, problem

pytestmark = pytest.mark.anyio

KEYS = "/admin/signing-keys"


async def listed(api: httpx2.AsyncClient, headers: dict[str, str]) -> list[dict[str, Any]]:
    answer = await api.get(KEYS, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


async def kid_in(api: httpx2.AsyncClient, headers: dict[str, str], state: str) -> str:
    return next(key["kid"] for key in await listed(api, headers) if key["state"] == state)


async def published(api: httpx2.AsyncClient) -> set[str]:
    return {key["kid"] for key in (await api.get("/.well-known/jwks.json")).json()["keys"]}


async def test_keys_are_listed_page_by_page_without_their_private_halves(
    api: httpx2.AsyncClient, admins: Administrators
):
    headers = await admins.all_powerful()
    everything = await listed(api, headers)
    assert {key["kid"] for key in everything} == await published(api)
    assert all("private" not in name for key in everything for name in key)
    found, after = [], {}
    while True:
        page = (await api.get(KEYS, params={"limit": 1, **after}, headers=headers)).json()
        found += page["items"]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert found == everything


@pytest.mark.attack("KEY-02")
async def test_what_a_revoked_key_signed_is_refused_at_once_and_the_next_key_signs(
    api: httpx2.AsyncClient, admins: Administrators, people: People, events: Events
):
    old = bearer(await people.signed_in())
    headers = await admins.all_powerful()
    active, following = await kid_in(api, headers, "active"), await kid_in(api, headers, "next")
    assert (await api.get("/auth/validate", headers=old)).status_code == 200
    assert (await api.post(f"{KEYS}/{active}/revoke", headers=headers)).status_code == 204
    problem(await api.get("/auth/validate", headers=old), 401, "invalid_token")
    problem(await api.get(KEYS, headers=headers), 401, "invalid_token")
    assert active not in await published(api)
    anew = bearer(await people.log_in())
    assert (await api.get("/auth/validate", headers=anew)).status_code == 200
    fresh = await admins.all_powerful()
    states = {key["kid"]: key["state"] for key in await listed(api, fresh)}
    assert states[active] == "revoked"
    assert states[following] == "active"
    assert sorted(states.values()) == ["active", "next", "revoked"]
    (entry,) = await events.of("signing_key.revoked")
    assert entry["details"] == {"kid": active, "algorithm": "RS256", "state": "active"}
    assert (await api.post(f"{KEYS}/{active}/revoke", headers=fresh)).status_code == 204
    assert len(await events.of("signing_key.revoked")) == 1


async def test_a_revoked_next_key_is_replaced_and_nobody_notices(
    api: httpx2.AsyncClient, admins: Administrators, services: Services
):
    headers = await admins.all_powerful()
    following = await kid_in(api, headers, "next")
    assert (await api.post(f"{KEYS}/{following}/revoke", headers=headers)).status_code == 204
    states = {key["kid"]: key["state"] for key in await listed(api, headers)}
    assert states.pop(following) == "revoked"
    assert sorted(states.values()) == ["active", "next"]
    row = await services.db.fetchrow("SELECT private_key FROM signing_keys WHERE kid = $1", following)
    assert row is not None
    assert row["private_key"] == b""


async def test_a_key_that_honest_tokens_need_is_not_retired(
    api: httpx2.AsyncClient, admins: Administrators, services: Services
):
    headers = await admins.all_powerful()
    active = await kid_in(api, headers, "active")
    refusal = problem(await api.post(f"{KEYS}/{active}/retire", headers=headers), 409, "signing_key_in_use")
    assert "Rotate first" in refusal["detail"]
    assert (await api.post(f"{KEYS}/rotate", json={"overlap_seconds": 86_400}, headers=headers)).status_code == 200
    problem(await api.post(f"{KEYS}/{active}/retire", headers=headers), 409, "signing_key_in_use")
    async with services.db.transaction() as tx:
        await tx.exec_driver_sql("UPDATE signing_keys SET activated_at = activated_at - interval '1 hour'")
    for _ in range(2):
        # The key that goes has signed the token of whoever asks, too.
        headers = await admins.all_powerful()
        assert (await api.post(f"{KEYS}/{active}/retire", headers=headers)).status_code == 204
    assert active not in await published(api)


async def test_a_retired_next_key_is_replaced(api: httpx2.AsyncClient, admins: Administrators, events: Events):
    headers = await admins.all_powerful()
    following = await kid_in(api, headers, "next")
    assert (await api.post(f"{KEYS}/{following}/retire", headers=headers)).status_code == 204
    assert await kid_in(api, headers, "next") != following
    assert len(await events.of("signing_key.retired")) == 1


@pytest.mark.parametrize("verb", ["retire", "revoke"])
async def test_a_key_that_never_was_is_not_found(api: httpx2.AsyncClient, admins: Administrators, verb: str):
    headers = await admins.all_powerful()
    problem(await api.post(f"{KEYS}/{'x' * 43}/{verb}", headers=headers), 404, "signing_key_not_found")


async def test_of_many_revocations_at_once_one_is_done_and_none_breaks_the_set(
    services: Services, api: httpx2.AsyncClient, admins: Administrators, events: Events
):
    active = await kid_in(api, await admins.all_powerful(), "active")
    turns = (asyncio.create_task(services.key_withdrawal.revoke(active, **BY)) for _ in range(4))
    await asyncio.gather(*turns, return_exceptions=True)
    assert len(await events.of("signing_key.revoked")) == 1
    states = [key["state"] for key in await listed(api, await admins.all_powerful())]
    assert sorted(states) == ["active", "next", "revoked"]
