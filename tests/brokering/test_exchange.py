"""The code that an app exchanges for tokens: once, in time, and by who began."""

import asyncio
from datetime import timedelta

import httpx2
import pytest

from app.wiring import Services
from tests.brokering.conftest import VERIFIER, Browser, someone, told
from tests.support import Events, bearer, problem, suspend

pytestmark = pytest.mark.anyio

WRONG = ("w" * 43, "short", "", "v" * 128)


async def exchange(browser: Browser, code: str, verifier: str = VERIFIER) -> httpx2.Response:
    return await browser.client.post("/auth/oauth/exchange", json={"code": code, "code_verifier": verifier})


async def code_for(browser: Browser, **changes: str) -> str:
    return told(await browser.for_app(**changes))["code"]


async def test_a_code_that_comes_twice_ends_the_session_that_it_opened(
    browsers, provider, app_client, events: Events, services: Services
):
    someone(provider)
    jo, thief = browsers(), browsers()
    code = await code_for(jo)
    tokens = (await exchange(jo, code)).json()
    alone = browsers().client
    assert (await alone.get("/auth/validate", headers=bearer(tokens))).status_code == 200
    problem(await exchange(thief, code, WRONG[0]), 400, "invalid_exchange_code")
    problem(await alone.get("/auth/validate", headers=bearer(tokens)), 401, "invalid_token")
    refresh = await alone.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert refresh.status_code == 401
    revoked = await events.of("session.revoked")
    assert [one["details"]["reason"] for one in revoked] == ["exchange_code_reused"]
    # The browser's own session is another one.
    assert await jo.who() is not None
    assert len(await events.of("exchange_code.reused")) == 1


async def test_of_many_who_exchange_a_code_at_once_at_most_one_gets_tokens_and_they_count_no_more(
    browsers, provider, app_client
):
    someone(provider)
    jo = browsers()
    code = await code_for(jo)
    answers = await asyncio.gather(*(exchange(jo, code) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400, 400]
    tokens = next(answer.json() for answer in answers if answer.status_code == 200)
    thief = browsers()
    assert (await thief.client.get("/auth/validate", headers=bearer(tokens))).status_code == 401


async def test_a_code_is_worth_nothing_with_another_verifier_too_late_or_without_its_session(
    browsers, provider, app_client, services: Services
):
    someone(provider)
    jo = browsers()
    for verifier in WRONG:
        code = await code_for(jo)
        problem(await exchange(jo, code, verifier), 400, "invalid_exchange_code")
        # Whoever brings it spends it.
        problem(await exchange(jo, code), 400, "invalid_exchange_code")
    for code in ("", "x", "x" * 43):
        problem(await exchange(jo, code), 400, "invalid_exchange_code")
    code = await code_for(jo)
    sub = (await jo.who())["sub"]
    await suspend(services, sub)
    problem(await exchange(jo, code), 400, "invalid_exchange_code")
    problem(await jo.client.post("/auth/oauth/exchange", json={"code": "x"}), 422, "validation_failed")
    more = {"code": "x", "code_verifier": "y", "client_id": "c"}
    problem(await jo.client.post("/auth/oauth/exchange", json=more), 422, "validation_failed")


async def test_a_code_counts_for_its_lifetime_and_no_longer(browsers, provider, app_client, services: Services):
    someone(provider)
    jo = browsers()
    code = await code_for(jo)
    services.clock.offset += timedelta(seconds=61)
    problem(await exchange(jo, code), 400, "invalid_exchange_code")


async def test_the_session_of_the_code_says_when_and_how_its_person_signed_in(browsers, provider, app_client):
    someone(provider)
    jo = browsers()
    code = await code_for(jo)
    tokens = (await exchange(jo, code)).json()
    alone = browsers()
    listed = (await alone.client.get("/auth/sessions", headers=bearer(tokens))).json()["items"]
    assert len(listed) == 2
    assert len({one["auth_time"] for one in listed}) == 1
    assert all(one["amr"] == ["fed"] and one["acr"] == "aal1" for one in listed)
    refreshed = await alone.client.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert refreshed.status_code == 200
