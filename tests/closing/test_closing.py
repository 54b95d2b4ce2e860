"""Closing an account, taking it back, and its end."""

import asyncio
from datetime import timedelta

import pytest

from app.audit.event import SYSTEM
from app.services import startup_origin
from tests.support import PASSWORD, bearer, problem, suspend

CREDENTIALS = {"email": "ann@example.com", "password": PASSWORD}
GRACE = timedelta(days=14)


async def closed(api, people):
    tokens = await people.signed_in()
    assert (await api.delete("/auth/me", headers=bearer(tokens))).status_code == 204
    return tokens


async def restore(api, token):
    return await api.post("/auth/me/restore", json={"token": token})


async def delete_due(services):
    return await services.closing.delete_due(startup_origin())


async def mailed_token(mailbox):
    return (await mailbox.wait_for(to="ann@example.com", template="account_deletion")).token


async def test_closing_ends_every_session_and_refuses_what_comes_after(api, people, services, events):
    tokens = await people.signed_in()
    other = await people.log_in(audience="orders-api")
    assert (await api.delete("/auth/me", headers=bearer(tokens))).status_code == 204
    for dead in (tokens, other):
        problem(await api.get("/auth/validate", headers=bearer(dead)), 401, "invalid_token")
        refused = await api.post("/auth/refresh", json={"refresh_token": dead["refresh_token"]})
        problem(refused, 401, "invalid_refresh_token")
    assert len(await events.of("user.closed")) == 1
    assert await events.of("user.deleted") == []


@pytest.mark.attack("PWD-01")
async def test_a_closed_account_answers_like_one_that_does_not_exist(api, people):
    await closed(api, people)
    gone = await api.post("/auth/login", json=CREDENTIALS)
    unknown = await api.post("/auth/login", json={**CREDENTIALS, "email": "nobody@example.com"})
    problem(gone, 401, "invalid_credentials")
    bodies = [{**answer.json(), "trace_id": None} for answer in (gone, unknown)]
    assert bodies[0] == bodies[1]
    assert set(gone.headers) == set(unknown.headers)


async def test_the_mailed_link_gives_the_account_back_once(api, people, mailbox, events):
    await closed(api, people)
    token = await mailed_token(mailbox)
    assert (await restore(api, token)).status_code == 204
    tokens = await people.log_in()
    assert (await api.get("/auth/me", headers=bearer(tokens))).status_code == 200
    problem(await restore(api, token), 400, "invalid_link")
    assert len(await events.of("user.reactivated")) == 1


async def test_the_mail_says_when_the_account_is_deleted(api, people, mailbox, services):
    await closed(api, people)
    mail = await mailbox.wait_for(template="account_deletion")
    due = services.clock.now() + GRACE
    assert f"{due:%B} {due.day}, {due.year}" in mail.text
    assert mail.link.startswith("http://localhost:8000/account/restore?token=")


async def test_the_page_of_the_link_shows_on_get_and_acts_on_post(api, people, mailbox):
    await closed(api, people)
    token = await mailed_token(mailbox)
    page = await api.get("/account/restore", params={"token": token})
    assert page.status_code == 200
    assert "Keep my account" in page.text
    assert page.headers["cache-control"] == "no-store"
    problem(await api.post("/auth/login", json=CREDENTIALS), 401, "invalid_credentials")
    done = await api.post("/account/restore", data={"token": token}, headers={"sec-fetch-site": "same-origin"})
    assert "yours again" in done.text
    await people.log_in()
    assert (await api.get("/account/restore", params={"token": token})).status_code == 400


async def test_another_sites_form_does_not_give_an_account_back(api, people, mailbox):
    await closed(api, people)
    token = await mailed_token(mailbox)
    answer = await api.post("/account/restore", data={"token": token}, headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403
    assert (await restore(api, token)).status_code == 204


@pytest.mark.parametrize("token", ["", "x", "A" * 43, "A" * 512, "ä" * 10])
async def test_a_token_that_was_never_mailed_gives_nothing_back(api, people, token):
    await closed(api, people)
    problem(await restore(api, token), 400, "invalid_link")
    assert (await api.get("/account/restore", params={"token": token})).status_code == 400


async def test_after_the_grace_period_all_is_gone_and_the_address_is_free(api, people, services, events, mailbox):
    await closed(api, people)
    token = await mailed_token(mailbox)
    services.clock.offset += GRACE - timedelta(minutes=1)
    assert await delete_due(services) == 0
    services.clock.offset += timedelta(minutes=2)
    problem(await restore(api, token), 400, "invalid_link")
    assert await delete_due(services) == 1
    (entry,) = await events.of("user.deleted")
    assert entry["subject"] == entry["actor_id"]
    for table in ("users", "sessions", "password_credentials", "role_assignments", "links", "account_closures"):
        row = await services.db.fetchrow(f"SELECT count(*) AS n FROM {table}")
        assert (table, row["n"]) == (table, 0)
    assert await delete_due(services) == 0
    again = await people.signed_in()
    assert (await api.get("/auth/me", headers=bearer(again))).json()["sub"] != entry["subject"]


async def test_an_account_that_was_taken_back_is_not_deleted_later(api, people, services, mailbox):
    await closed(api, people)
    await restore(api, await mailed_token(mailbox))
    services.clock.offset += GRACE * 2
    assert await delete_due(services) == 0
    await people.log_in()


async def test_an_account_suspended_since_is_not_given_back_by_the_link_and_still_deleted(
    api, people, services, mailbox, events
):
    await closed(api, people)
    token = await mailed_token(mailbox)
    (entry,) = await events.of("user.closed")
    await suspend(services, entry["subject"])
    problem(await restore(api, token), 400, "invalid_link")
    problem(await api.post("/auth/login", json=CREDENTIALS), 401, "invalid_credentials")
    services.clock.offset += GRACE
    assert await delete_due(services) == 1


async def test_of_two_deletions_at_once_one_closes_and_mails(api, people, events, mailbox):
    tokens = await people.signed_in()
    answers = await asyncio.gather(*(api.delete("/auth/me", headers=bearer(tokens)) for _ in range(4)))
    # Whoever comes after the first has a dead session, or finds the account closed.
    assert {answer.status_code for answer in answers} <= {204, 401}
    assert 204 in {answer.status_code for answer in answers}
    assert len(await events.of("user.closed")) == 1
    await mailbox.wait_for(template="account_deletion")
    assert await mailbox.settled(beside={"verify_email"}) == []


async def test_of_two_uses_of_a_link_at_once_one_wins(api, people, mailbox, events):
    await closed(api, people)
    token = await mailed_token(mailbox)
    answers = await asyncio.gather(*(restore(api, token) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [204, 400, 400, 400]
    assert len(await events.of("user.reactivated")) == 1


async def test_a_deletion_amid_sign_ins_leaves_no_session(api, people, services):
    tokens = await people.signed_in()
    sign_ins = [api.post("/auth/login", json=CREDENTIALS) for _ in range(4)]
    answers = await asyncio.gather(*sign_ins[:2], api.delete("/auth/me", headers=bearer(tokens)), *sign_ins[2:])
    assert {answer.status_code for answer in answers} <= {200, 204, 401}
    row = await services.db.fetchrow("SELECT count(*) AS n FROM sessions WHERE ended_at IS NULL")
    assert row["n"] == 0


async def test_two_workers_delete_an_account_once(api, people, services, events):
    await closed(api, people)
    services.clock.offset += GRACE
    assert sorted(await asyncio.gather(delete_due(services), delete_due(services))) == [0, 1]
    assert len(await events.of("user.deleted")) == 1


async def test_a_closed_account_gets_no_code_and_one_mailed_before_is_dead(api, people, mailbox):
    tokens = await people.signed_in()
    asked = await api.post("/auth/otp/request", json={"email": "ann@example.com", "purpose": "login"})
    code = (await mailbox.wait_for(template="login_code")).code
    assert (await api.delete("/auth/me", headers=bearer(tokens))).status_code == 204
    body = {"challenge_id": asked.json()["challenge_id"], "code": code}
    problem(await api.post("/auth/otp/verify", json=body), 401, "invalid_code")
    again = await api.post("/auth/otp/request", json={"email": "ann@example.com", "purpose": "login"})
    assert (again.status_code, again.json().keys()) == (202, asked.json().keys())
    await mailbox.wait_for(template="account_deletion")
    assert await mailbox.settled(beside={"verify_email"}) == []


async def test_an_operator_gives_a_closed_account_back_and_the_link_is_dead_then(api, people, services, mailbox):
    await closed(api, people)
    token = await mailed_token(mailbox)
    row = await services.db.fetchrow("SELECT id FROM users")
    await services.lifecycle.reactivate(row["id"], actor=SYSTEM, origin=startup_origin())
    problem(await restore(api, token), 400, "invalid_link")
    await people.log_in()
    services.clock.offset += GRACE * 2
    assert await delete_due(services) == 0
