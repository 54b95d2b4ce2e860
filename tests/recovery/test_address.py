"""Changing the address of an account, and "this was not me"."""

import asyncio
from datetime import timedelta

import httpx2
import pytest

from app.wiring import Services
from tests.mailbox import Mailbox
from tests.support import PASSWORD, Events, People, bearer, problem

pytestmark = pytest.mark.anyio

ANN, NEW = "ann@example.com", "ann@new.example"


async def change(api: httpx2.AsyncClient, tokens: dict[str, str], email: str = NEW) -> httpx2.Response:
    return await api.patch("/auth/me", json={"email": email}, headers=bearer(tokens))


async def confirm(api: httpx2.AsyncClient, token: str) -> httpx2.Response:
    return await api.post("/auth/email/verify", json={"token": token})


async def verified(api: httpx2.AsyncClient, people: People, mailbox: Mailbox) -> dict[str, str]:
    await people.sign_up()
    mail = await mailbox.wait_for(to=ANN, template="verify_email")
    assert (await confirm(api, mail.token)).status_code == 204
    return await people.log_in()


def token_of(url: str) -> str:
    return url.partition("token=")[2]


async def test_an_address_changes_when_the_new_one_is_confirmed_and_the_old_one_is_warned(
    api: httpx2.AsyncClient, people: People, mailbox: Mailbox, events: Events
) -> None:
    tokens = await verified(api, people, mailbox)
    answer = await change(api, tokens)
    assert (answer.status_code, answer.json()["email"]) == (202, ANN)
    invitation = await mailbox.wait_for(to=NEW, template="email_changed_new")
    warning = await mailbox.wait_for(to=ANN, template="email_changed_old")
    assert NEW in warning.text
    assert (await api.get("/auth/me", headers=bearer(tokens))).json()["email"] == ANN
    assert (await confirm(api, invitation.token)).status_code == 204
    shown = (await api.get("/auth/me", headers=bearer(tokens))).json()
    assert (shown["email"], shown["email_verified"]) == (NEW, True)
    problem(await api.post("/auth/login", json={"email": ANN, "password": PASSWORD}), 401, "invalid_credentials")
    await people.log_in(NEW)
    problem(await confirm(api, invitation.token), 400, "invalid_link")
    assert {"changed": "email"} in [entry["details"] for entry in await events.of("user.updated")]


async def test_a_change_of_address_needs_a_fresh_sign_in_and_an_address(
    api: httpx2.AsyncClient, people: People, services: Services
) -> None:
    tokens = await people.signed_in()
    problem(await change(api, tokens, "no address"), 422, "invalid_email")
    problem(await api.patch("/auth/me", json={}, headers=bearer(tokens)), 422, "validation_failed")
    problem(await api.patch("/auth/me", json={"email": None}, headers=bearer(tokens)), 422, "validation_failed")
    services.clock.offset += timedelta(seconds=601)
    problem(await change(api, tokens), 401, "insufficient_user_authentication")
    renamed = await api.patch("/auth/me", json={"name": "Ann"}, headers=bearer(tokens))
    assert (renamed.status_code, renamed.json()["name"]) == (200, "Ann")


@pytest.mark.parametrize("look_alike", ["BOB@Bücher.example", "bob@xn--bcher-kva.example", "bob@bu\u0308cher.example"])
async def test_an_address_that_is_taken_in_another_spelling_is_answered_alike_and_its_owner_told(
    api: httpx2.AsyncClient, people: People, mailbox: Mailbox, look_alike: str
) -> None:
    await people.sign_up("bob@bücher.example")
    tokens = await people.signed_in()
    free, taken = await change(api, tokens), await change(api, tokens, look_alike)
    assert (free.status_code, free.json()) == (taken.status_code, taken.json())
    assert free.headers.keys() == taken.headers.keys()
    await mailbox.wait_for(subject="You already have an account")
    mail = await mailbox.wait_for(to=NEW, template="email_changed_new")
    assert (await confirm(api, mail.token)).status_code == 204


async def test_letters_that_only_look_alike_are_another_address(
    api: httpx2.AsyncClient, people: People, mailbox: Mailbox
) -> None:
    await people.sign_up("bob@example.com")
    tokens = await people.signed_in()
    cyrillic = "b\u043eb@example.com"
    assert (await change(api, tokens, cyrillic)).status_code == 202
    mail = await mailbox.wait_for(to=cyrillic, template="email_changed_new")
    assert (await confirm(api, mail.token)).status_code == 204
    assert (await api.get("/auth/me", headers=bearer(tokens))).json()["email"] == cyrillic
    assert (await people.log_in("bob@example.com"))["access_token"]


async def test_an_address_that_was_taken_meanwhile_is_refused_like_an_old_link(
    api: httpx2.AsyncClient, people: People, mailbox: Mailbox
) -> None:
    tokens = await people.signed_in()
    await change(api, tokens)
    mail = await mailbox.wait_for(to=NEW, template="email_changed_new")
    await people.sign_up(NEW)
    problem(await confirm(api, mail.token), 400, "invalid_link")
    assert (await api.get("/auth/me", headers=bearer(tokens))).json()["email"] == ANN


async def test_two_accounts_that_take_one_address_at_once_leave_it_to_one(
    api: httpx2.AsyncClient, people: People, mailbox: Mailbox
) -> None:
    tokens = [await people.signed_in(), await people.signed_in("bob@example.com")]
    links = []
    for each in tokens:
        await change(api, each)
        links.append((await mailbox.wait_for(to=NEW, template="email_changed_new")).token)
    answers = await asyncio.gather(*(confirm(api, link) for link in links))
    assert sorted(answer.status_code for answer in answers) == [204, 400]


async def test_who_says_it_was_not_me_gets_the_account_back(
    api: httpx2.AsyncClient, people: People, mailbox: Mailbox, services: Services, events: Events
) -> None:
    thief = await verified(api, people, mailbox)
    await change(api, thief, "thief@evil.example")
    invitation = await mailbox.wait_for(to="thief@evil.example", template="email_changed_new")
    warning = await mailbox.wait_for(to=ANN, template="email_changed_old")
    assert (await confirm(api, invitation.token)).status_code == 204
    origin = {"Sec-Fetch-Site": "same-origin"}
    data = {"token": token_of(warning.wasnt_me_link)}
    answer = await api.post("/not-me", data=data, headers=origin)
    assert (answer.status_code, answer.headers["location"]) == (303, "/not-me/done")
    problem(await api.get("/auth/validate", headers=bearer(thief)), 401, "invalid_token")
    mail = await mailbox.wait_for(to=ANN, template="password_reset")
    body = {"token": mail.token, "new_password": "an entirely different phrase"}
    assert (await api.post("/auth/password/reset", json=body)).status_code == 204
    await people.log_in(ANN, "an entirely different phrase")
    (entry,) = await events.of("account.interrupted")
    assert entry["details"] == {"sessions": 1, "api_keys": 0, "identities": 0, "factors": 0, "restored": True}
    assert (await api.post("/not-me", data=data, headers=origin)).status_code == 400


async def test_who_says_it_was_not_me_ends_sessions_steps_and_links_at_once(
    api: httpx2.AsyncClient, people: People, mailbox: Mailbox, services: Services
) -> None:
    tokens = await verified(api, people, mailbox)
    await api.post("/auth/password/forgot", json={"email": ANN})
    reset = await mailbox.wait_for(to=ANN, template="password_reset")
    await change(api, tokens)
    pending = await mailbox.wait_for(to=NEW, template="email_changed_new")
    async with services.db.transaction() as tx:
        before = await services.users.find_by_email(tx, ANN)
    data = {"token": token_of(reset.wasnt_me_link)}
    answers = await asyncio.gather(
        *(api.post("/not-me", data=data, headers={"Sec-Fetch-Site": "same-origin"}) for _ in range(4))
    )
    assert sorted(answer.status_code for answer in answers) == [303, 400, 400, 400]
    problem(await api.get("/auth/validate", headers=bearer(tokens)), 401, "invalid_token")
    problem(await confirm(api, pending.token), 400, "invalid_link")
    body = {"token": reset.token, "new_password": "an entirely different phrase"}
    problem(await api.post("/auth/password/reset", json=body), 400, "invalid_link")
    async with services.db.transaction() as tx:
        after = await services.users.find_by_email(tx, ANN)
    # What waits for its next step remembers this version, and is dead with it.
    assert before is not None
    assert after is not None
    assert after.credentials_version > before.credentials_version


async def test_an_address_that_was_never_confirmed_takes_no_account_back(
    api: httpx2.AsyncClient, people: People, mailbox: Mailbox
) -> None:
    tokens = await people.signed_in()
    await change(api, tokens)
    invitation = await mailbox.wait_for(to=NEW, template="email_changed_new")
    warning = await mailbox.wait_for(to=ANN, template="email_changed_old")
    assert (await confirm(api, invitation.token)).status_code == 204
    data = {"token": token_of(warning.wasnt_me_link)}
    answer = await api.post("/not-me", data=data, headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 303
    await mailbox.wait_for(to=NEW, template="password_reset")
