"""A forgotten password: the link that sets a new one, and everything that it must not do."""

import asyncio
from datetime import timedelta

import httpx2
import pyotp
import pytest

from app.wiring import Services
from tests.mailbox import Mailbox, ReceivedMail
from tests.support import ISSUER, PASSWORD, Events, People, bearer, problem, suspend

pytestmark = pytest.mark.anyio

ANN = "ann@example.com"
NEW = "an entirely different phrase"


async def forgotten(api: httpx2.AsyncClient, mailbox: Mailbox, email: str = ANN, **headers: str) -> ReceivedMail:
    answer = await api.post("/auth/password/forgot", json={"email": email}, headers=headers)
    assert (answer.status_code, answer.json()) == (202, {"status": "accepted"})
    return await mailbox.wait_for(to=ANN, template="password_reset")


async def reset(api: httpx2.AsyncClient, token: str, password: str = NEW) -> httpx2.Response:
    return await api.post("/auth/password/reset", json={"token": token, "new_password": password})


async def log_in(api: httpx2.AsyncClient, password: str) -> httpx2.Response:
    return await api.post("/auth/login", json={"email": ANN, "password": password})


@pytest.mark.attack("SES-06")
async def test_a_reset_sets_the_password_ends_every_session_and_tells_the_owner(
    api: httpx2.AsyncClient, people: People, mailbox: Mailbox, events: Events
) -> None:
    tokens = [await people.signed_in(), await people.log_in(audience="orders-api")]
    mail = await forgotten(api, mailbox, "ANN@Example.com")
    answer = await reset(api, mail.token)
    assert (answer.status_code, answer.content) == (204, b"")
    assert "set-cookie" not in answer.headers
    for dead in tokens:
        problem(await api.get("/auth/validate", headers=bearer(dead)), 401, "invalid_token")
        refusal = await api.post("/auth/refresh", json={"refresh_token": dead["refresh_token"]})
        assert refusal.status_code == 401
    problem(await log_in(api, PASSWORD), 401, "invalid_credentials")
    signed_in = await log_in(api, NEW)
    # The mailbox received the link: the address is the user's.
    assert (await api.get("/auth/me", headers=bearer(signed_in.json()))).json()["email_verified"] is True
    told = await mailbox.wait_for(to=ANN, template="password_changed")
    assert told.wasnt_me_link.startswith(f"{ISSUER}/not-me?token=")
    (entry,) = await events.of("password.changed")
    assert NEW not in str(entry)
    assert mail.token not in str(await events.of("password.reset_requested"))


@pytest.mark.attack("PWD-07")
async def test_a_reset_link_is_refused_when_used_old_replaced_or_after_a_sign_in(
    api: httpx2.AsyncClient, people: People, mailbox: Mailbox, services: Services
) -> None:
    await people.sign_up()
    replaced = await forgotten(api, mailbox)
    used = await forgotten(api, mailbox)
    problem(await reset(api, replaced.token), 400, "invalid_link")
    assert (await reset(api, used.token)).status_code == 204
    problem(await reset(api, used.token), 400, "invalid_link")
    signed_in_since = await forgotten(api, mailbox)
    await people.log_in(password=NEW)
    problem(await reset(api, signed_in_since.token), 400, "invalid_link")
    old = await forgotten(api, mailbox)
    services.clock.offset += timedelta(seconds=901)
    problem(await reset(api, old.token), 400, "invalid_link")
    assert (await log_in(api, NEW)).status_code == 200


async def test_of_two_resets_at_once_one_wins(api: httpx2.AsyncClient, people: People, mailbox: Mailbox) -> None:
    await people.sign_up()
    mail = await forgotten(api, mailbox)
    passwords = [f"{NEW} {number}" for number in range(4)]
    answers = await asyncio.gather(*(reset(api, mail.token, password) for password in passwords))
    assert sorted(answer.status_code for answer in answers) == [204, 400, 400, 400]
    (winner,) = [password for answer, password in zip(answers, passwords, strict=True) if answer.status_code == 204]
    assert (await log_in(api, winner)).status_code == 200


async def test_no_session_outlives_a_reset_that_came_at_the_same_moment(
    api: httpx2.AsyncClient, people: People, mailbox: Mailbox, services: Services
) -> None:
    await people.sign_up()
    mail = await forgotten(api, mailbox)
    answer, *logins = await asyncio.gather(reset(api, mail.token), *(log_in(api, PASSWORD) for _ in range(4)))
    if answer.status_code == 204:
        for login in logins:
            if login.status_code == 200:
                problem(await api.get("/auth/validate", headers=bearer(login.json())), 401, "invalid_token")
        assert (await log_in(api, NEW)).status_code == 200
    else:
        # A sign-in came first, and the link was dead.
        problem(answer, 400, "invalid_link")
        assert any(login.status_code == 200 for login in logins)


async def test_what_is_not_the_very_token_resets_nothing(
    api: httpx2.AsyncClient, people: People, mailbox: Mailbox
) -> None:
    await people.sign_up()
    verification = await mailbox.wait_for(to=ANN, template="verify_email")
    mail = await forgotten(api, mailbox)
    token = mail.token
    flipped = token[:-1] + ("A" if token[-1] != "A" else "B")
    not_me = mail.wasnt_me_link.partition("token=")[2]
    for wrong in (flipped, token[:-1], token + "A", "", verification.token, not_me, "x" * 5000):
        problem(await reset(api, wrong), 400, "invalid_link")
    assert (await log_in(api, PASSWORD)).status_code == 200


async def test_a_password_that_breaks_a_rule_leaves_the_link_as_it_is(
    api: httpx2.AsyncClient, people: People, mailbox: Mailbox
) -> None:
    await people.sign_up()
    mail = await forgotten(api, mailbox)
    for weak in ("shrt1", "letmein123", "ann@example.com"):
        refusal = problem(await reset(api, mail.token, weak), 422, "password_refused")
        assert refusal["errors"][0]["pointer"] == "/new_password"
        assert weak not in str(refusal["errors"])
    assert (await reset(api, mail.token)).status_code == 204


@pytest.mark.attack("PWD-08")
async def test_the_link_shows_the_configured_host_whatever_the_request_says(
    api: httpx2.AsyncClient, people: People, mailbox: Mailbox
) -> None:
    await people.sign_up()
    forged = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    mail = await forgotten(api, mailbox, **forged)
    assert "evil" not in mail.text + mail.html
    assert mail.link.startswith(f"{ISSUER}/password/new?token=")
    assert mail.wasnt_me_link.startswith(f"{ISSUER}/not-me?token=")


@pytest.mark.attack("PWD-09")
async def test_a_reset_opens_no_session_and_leaves_the_second_factor(
    api: httpx2.AsyncClient, people: People, mailbox: Mailbox
) -> None:
    tokens = await people.signed_in()
    seed = (await api.post("/auth/mfa/totp", headers=bearer(tokens))).json()["secret"]
    confirmed = await api.post("/auth/mfa/totp/confirm", json={"code": pyotp.TOTP(seed).now()}, headers=bearer(tokens))
    assert confirmed.is_success, confirmed.text
    mail = await forgotten(api, mailbox)
    answer = await reset(api, mail.token)
    assert (answer.status_code, answer.content, "set-cookie" in answer.headers) == (204, b"", False)
    refusal = problem(await log_in(api, NEW), 403, "mfa_required")
    assert "totp" in refusal["factors"]


async def test_nobody_and_the_suspended_get_the_answer_of_all_and_no_mail(
    api: httpx2.AsyncClient, people: People, mailbox: Mailbox, services: Services
) -> None:
    user = await people.sign_up()
    await mailbox.wait_for(to=ANN, template="verify_email")
    mail = await forgotten(api, mailbox)
    await suspend(services, user["sub"])
    problem(await reset(api, mail.token), 400, "invalid_link")
    await people.sign_up("sue@example.com")
    await mailbox.wait_for(to="sue@example.com", template="verify_email")
    answers = [
        await api.post("/auth/password/forgot", json={"email": email})
        for email in (ANN, "nobody@example.com", "no address", "sue@example.com")
    ]
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == len({tuple(sorted(a.headers)) for a in answers}) == 1
    await mailbox.wait_for(to="sue@example.com", template="password_reset")
    assert await mailbox.settled() == []


async def test_a_reset_opens_a_locked_account(
    api: httpx2.AsyncClient, people: People, mailbox: Mailbox, services: Services
) -> None:
    await people.sign_up()
    async with services.db.transaction() as tx:
        user = await services.users.find_by_email(tx, ANN)
        assert user is not None
    row = "UPDATE password_credentials SET failures = $2 WHERE user_id = $1 RETURNING user_id"
    await services.db.fetchrow(row, user.id, services.lockout.most)
    problem(await log_in(api, PASSWORD), 401, "invalid_credentials")
    mail = await forgotten(api, mailbox)
    assert (await reset(api, mail.token)).status_code == 204
    assert (await log_in(api, NEW)).status_code == 200
