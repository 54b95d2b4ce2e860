"""Confirming an address by the link that was mailed there."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx2
import pytest

from app.foundation.engines.lock import Engines
from app.main import create_app
from app.wiring import Services, build
from tests.conftest import settings_for
from tests.mailbox import Mailbox, ReceivedMail, mailbox_of
from tests.support import ISSUER, PASSWORD, Events, People, bearer, problem, suspend

pytestmark = pytest.mark.anyio

ANN = "ann@example.com"


async def confirm(api: httpx2.AsyncClient, token: str) -> httpx2.Response:
    return await api.post("/auth/email/verify", json={"token": token})


async def request(api: httpx2.AsyncClient, email: str = ANN) -> httpx2.Response:
    answer = await api.post("/auth/email/verify/request", json={"email": email})
    assert (answer.status_code, answer.json()) == (202, {"status": "accepted"})
    return answer


async def log_in(api: httpx2.AsyncClient, email: str = ANN, password: str = PASSWORD) -> httpx2.Response:
    return await api.post("/auth/login", json={"email": email, "password": password})


async def first_mail(people: People, mailbox: Mailbox) -> ReceivedMail:
    await people.sign_up()
    return await mailbox.wait_for(to=ANN, template="verify_email")


async def served(url: str, engines: Engines, **accounts: bool) -> AsyncIterator[Services]:
    services = build(settings_for(url, engines, accounts=accounts))
    await services.open()
    yield services
    await services.close()


@pytest.fixture
async def hiding(database_url: str, engines: Engines) -> AsyncIterator[Services]:
    async for services in served(database_url, engines, hide_existence=True):
        yield services


@pytest.fixture
async def requiring(database_url: str, engines: Engines) -> AsyncIterator[Services]:
    async for services in served(database_url, engines, require_verified_email=True):
        yield services


def client_of(services: Services) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(create_app(services=services)), base_url=ISSUER)


async def test_the_link_of_a_sign_up_confirms_its_address(
    api: httpx2.AsyncClient, people: People, mailbox: Mailbox, events: Events
) -> None:
    mail = await first_mail(people, mailbox)
    assert mail.link.startswith(f"{ISSUER}/email/confirm?token=")
    tokens = await people.log_in()
    assert (await api.get("/auth/me", headers=bearer(tokens))).json()["email_verified"] is False
    assert (await confirm(api, mail.token)).status_code == 204
    assert (await api.get("/auth/me", headers=bearer(tokens))).json()["email_verified"] is True
    (entry,) = await events.of("user.updated")
    assert entry["details"] == {"changed": "email_verified"}
    problem(await confirm(api, mail.token), 400, "invalid_link")


async def test_of_two_uses_at_once_one_wins(api: httpx2.AsyncClient, people: People, mailbox: Mailbox) -> None:
    mail = await first_mail(people, mailbox)
    answers = await asyncio.gather(*(confirm(api, mail.token) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [204] + [400] * 7


async def test_a_link_is_dead_after_a_newer_one_and_after_a_day(
    api: httpx2.AsyncClient, people: People, mailbox: Mailbox, services: Services
) -> None:
    first = await first_mail(people, mailbox)
    await request(api)
    second = await mailbox.wait_for(to=ANN, template="verify_email")
    problem(await confirm(api, first.token), 400, "invalid_link")
    services.clock.offset += timedelta(seconds=86_401)
    problem(await confirm(api, second.token), 400, "invalid_link")


async def test_what_is_not_the_very_token_confirms_nothing(
    api: httpx2.AsyncClient, people: People, mailbox: Mailbox
) -> None:
    mail = await first_mail(people, mailbox)
    await api.post("/auth/password/forgot", json={"email": ANN})
    reset = await mailbox.wait_for(to=ANN, template="password_reset")
    token = mail.token
    flipped = token[:20] + ("A" if token[20] != "A" else "B") + token[21:]
    for wrong in (flipped, token[:-1], token + "x", "", reset.token, reset.wasnt_me_link.partition("token=")[2]):
        problem(await confirm(api, wrong), 400, "invalid_link")
    assert (await confirm(api, token)).status_code == 204


async def test_a_request_is_answered_alike_for_everyone_and_mails_only_who_waits(
    api: httpx2.AsyncClient, people: People, mailbox: Mailbox, services: Services
) -> None:
    mail = await first_mail(people, mailbox)
    assert (await confirm(api, mail.token)).status_code == 204
    await people.sign_up("sue@example.com")
    await mailbox.wait_for(to="sue@example.com", template="verify_email")
    sue = await people.log_in("sue@example.com")
    sub = (await api.get("/auth/me", headers=bearer(sue))).json()["sub"]
    await suspend(services, sub)
    answers = [await request(api, email) for email in (ANN, "sue@example.com", "nobody@example.com", "no address")]
    shown = [sorted(set(answer.headers) - {"x-trace-id"}) for answer in answers]
    assert shown == [shown[0]] * 4
    await _all_told(services)
    assert await mailbox.settled() == []


@pytest.mark.attack("PWD-12")
async def test_a_known_address_signs_up_like_a_new_one_and_its_owner_is_told(hiding: Services) -> None:
    async with client_of(hiding) as api, mailbox_of(hiding) as mailbox:
        body = {"email": ANN, "password": PASSWORD}
        first = await api.post("/auth/signup", json=body)
        mail = await mailbox.wait_for(to=ANN, template="verify_email")
        again = await api.post("/auth/signup", json=body | {"password": "another fine password"})
        told = await mailbox.wait_for(to=ANN, template="account_exists")
        for answer in (first, again):
            assert (answer.status_code, answer.json()) == (202, {"status": "accepted"})
        assert first.headers.keys() == again.headers.keys()
        assert told.links[0] == f"{ISSUER}/"
        assert f"{ISSUER}/password/forgot" in told.links
        # Before it is confirmed, the account answers like a wrong password and like none at all.
        right, wrong, unknown = [
            await log_in(api, *typed)
            for typed in ((ANN, PASSWORD), (ANN, "a wrong password"), ("nobody@example.com", PASSWORD))
        ]
        bodies = [problem(answer, 401, "invalid_credentials") for answer in (right, wrong, unknown)]
        told_of = [{name: body[name] for name in body if name != "trace_id"} for body in bodies]
        assert told_of == [told_of[0]] * 3
        newer = await mailbox.wait_for(to=ANN, template="verify_email")
        problem(await confirm(api, mail.token), 400, "invalid_link")
        assert (await confirm(api, newer.token)).status_code == 204
        assert (await log_in(api)).status_code == 200
        for path in ("/auth/password/forgot", "/auth/email/verify/request"):
            answers = [await api.post(path, json={"email": email}) for email in (ANN, "nobody@example.com")]
            assert [(answer.status_code, answer.json()) for answer in answers] == [(202, {"status": "accepted"})] * 2
            assert answers[0].headers.keys() == answers[1].headers.keys()
        assert "nobody@example.com" not in {mail.to for mail in await mailbox.settled()}


async def test_without_hiding_a_login_says_what_it_waits_for_and_a_link_is_mailed(requiring: Services) -> None:
    async with client_of(requiring) as api, mailbox_of(requiring) as mailbox:
        answer = await api.post("/auth/signup", json={"email": ANN, "password": PASSWORD})
        assert answer.status_code == 201
        await mailbox.wait_for(to=ANN, template="verify_email")
        problem(await log_in(api, password="a wrong password"), 401, "invalid_credentials")
        problem(await log_in(api), 403, "email_not_verified")
        mail = await mailbox.wait_for(to=ANN, template="verify_email")
        assert (await confirm(api, mail.token)).status_code == 204
        assert (await log_in(api)).status_code == 200


@pytest.mark.attack("PWD-10")
async def test_closed_sign_up_is_closed_to_direct_calls(closed_api: httpx2.AsyncClient) -> None:
    problem(await closed_api.post("/auth/signup", json={"email": ANN, "password": PASSWORD}), 403, "sign_up_closed")
    problem(await log_in(closed_api), 401, "invalid_credentials")


async def test_mail_that_strangers_cause_is_limited_for_each_mailbox(database_url: str, engines: Engines) -> None:
    settings = settings_for(
        database_url,
        engines,
        environment="production",
        accounts={"hide_existence": False},
        redis={"url": engines.redis_url, "answer_seconds": 10},
    )
    services = build(settings)
    await services.open()
    async with client_of(services) as api, mailbox_of(services) as mailbox:
        await api.post("/auth/signup", json={"email": ANN, "password": PASSWORD})
        for _ in range(4):
            await request(api)
            await request(api, "ANN@EXAMPLE.COM")
        await _all_told(services)
        assert len(await mailbox.settled()) == 3
    await services.close()


async def test_mails_are_in_the_language_of_the_sign_up(api: httpx2.AsyncClient, mailbox: Mailbox) -> None:
    body = {"email": ANN, "password": PASSWORD}
    assert (await api.post("/auth/signup", json=body, headers={"Accept-Language": "de-AT"})).status_code == 201
    mail = await mailbox.wait_for(to=ANN, subject="Bestätigen Sie Ihre E-Mail-Adresse")
    assert (await confirm(api, mail.token)).status_code == 204
    await api.post("/auth/password/forgot", json={"email": ANN})
    await mailbox.wait_for(to=ANN, subject="Neues Passwort festlegen")


async def _all_told(services: Services) -> None:
    """Wait until every event was handed to its subscribers."""
    async with asyncio.timeout(60):
        while True:
            row = await services.db.fetchrow(
                "SELECT (SELECT count(*) FROM events WHERE status = 'pending') + (SELECT count(*) FROM pgqueuer) AS n"
            )
            if row is not None and row["n"] == 0:
                return
            await asyncio.sleep(0.05)
