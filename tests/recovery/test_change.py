"""Changing a password by whoever knows it."""

import asyncio
from datetime import timedelta

import httpx2
import pytest

from app.wiring import Services
from tests.mailbox import Mailbox
from tests.support import PASSWORD, Events, People, bearer, problem

pytestmark = pytest.mark.anyio

ANN = "ann@example.com"
NEW = "an entirely different phrase"


async def change(
    api: httpx2.AsyncClient, tokens: dict[str, str], current: str = PASSWORD, new: str = NEW
) -> httpx2.Response:
    body = {"current_password": current, "new_password": new}
    return await api.post("/auth/password/change", json=body, headers=bearer(tokens))


@pytest.mark.attack("SES-06")
async def test_a_change_ends_every_other_session_and_tells_the_owner(
    api: httpx2.AsyncClient, people: People, mailbox: Mailbox, events: Events
) -> None:
    mine = await people.signed_in()
    others = [await people.log_in(), await people.log_in(audience="orders-api")]
    assert (await change(api, mine)).status_code == 204
    assert (await api.get("/auth/me", headers=bearer(mine))).status_code == 200
    for other in others:
        problem(await api.get("/auth/validate", headers=bearer(other)), 401, "invalid_token")
        assert (await api.post("/auth/refresh", json={"refresh_token": other["refresh_token"]})).status_code == 401
    kept = await api.post("/auth/refresh", json={"refresh_token": mine["refresh_token"]})
    assert kept.status_code == 200
    problem(await api.post("/auth/login", json={"email": ANN, "password": PASSWORD}), 401, "invalid_credentials")
    await people.log_in(password=NEW)
    await mailbox.wait_for(to=ANN, template="password_changed")
    assert len(await events.of("password.changed")) == 1


@pytest.mark.attack("PWD-06")
async def test_without_the_old_password_nothing_is_changed(
    api: httpx2.AsyncClient, people: People, events: Events
) -> None:
    tokens = await people.signed_in()
    problem(await change(api, tokens, current="a wrong password"), 403, "wrong_password")
    assert [entry["outcome"] for entry in await events.of("password.change_refused")] == ["refused"]
    answer = await api.post("/auth/password/change", json={"new_password": NEW}, headers=bearer(tokens))
    problem(answer, 422, "validation_failed")
    answer = await api.post("/auth/password/change", json={"current_password": PASSWORD, "new_password": NEW})
    problem(answer, 401, "missing_token")
    foreign = await people.log_in(audience="orders-api")
    problem(await change(api, foreign), 401, "invalid_token")
    assert await events.of("password.changed") == []
    await people.log_in()


@pytest.mark.attack("PWD-06")
async def test_a_session_older_than_ten_minutes_changes_nothing(
    api: httpx2.AsyncClient, people: People, services: Services
) -> None:
    tokens = await people.signed_in()
    services.clock.offset += timedelta(seconds=601)
    answer = await change(api, tokens)
    problem(answer, 401, "insufficient_user_authentication")
    assert "max_age=600" in answer.headers["www-authenticate"]
    await people.log_in()


async def test_the_rules_of_passwords_hold(api: httpx2.AsyncClient, people: People) -> None:
    tokens = await people.signed_in()
    refusal = problem(await change(api, tokens, new="password"), 422, "password_refused")
    assert refusal["errors"][0]["pointer"] == "/new_password"


async def test_of_two_changes_at_once_one_wins(api: httpx2.AsyncClient, people: People) -> None:
    first, second = await people.signed_in(), await people.log_in()
    answers = await asyncio.gather(change(api, first, new=f"{NEW} one"), change(api, second, new=f"{NEW} two"))
    assert sorted(answer.status_code for answer in answers) in ([204, 401], [204, 403])
    winner = f"{NEW} one" if answers[0].status_code == 204 else f"{NEW} two"
    await people.log_in(password=winner)
