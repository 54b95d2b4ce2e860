"""Owners are told what happened at their accounts, once."""

import asyncio
from datetime import timedelta

import pytest

from app.audit.event import ANONYMOUS, Actor, ActorKind
from app.audit.fanout import PastEvent
from app.factors.password.events import AccountLocked
from app.foundation.origin import Origin
from app.lifecycle.events import FactorEnrolled, FactorRemoved, RecoveryCodesMade
from app.worker import Worker, subscriptions
from tests.mailbox import mailbox_of, working
from tests.support import PASSWORD, bearer

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
NEWER_FIREFOX = FIREFOX.replace("140", "151")
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/19.0 Mobile/15E148 Safari/604.1"
)
ORIGIN = Origin(ip="192.0.2.7", user_agent=SAFARI, trace_id="0" * 32)


async def sign_in(api, user_agent):
    body = {"email": "ann@example.com", "password": PASSWORD}
    answer = await api.post("/auth/login", json=body, headers={"user-agent": user_agent})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def record(services, kind, **fields):
    async with services.db.transaction() as tx:
        user = await services.users.find_by_email(tx, "ann@example.com")
        by = {"actor": Actor(ActorKind.USER, user.sub), "origin": ORIGIN, "subject": user.sub}
        await services.audit.record(tx, kind(**(by | fields)))
    return user


async def told_of_everything(services):
    """Wait until every event has been fanned out and every job of it is done."""
    waiting = "SELECT (SELECT count(*) FROM events WHERE status = 'pending') + (SELECT count(*) FROM pgqueuer) AS n"
    async with asyncio.timeout(60):
        while (await services.db.fetchrow(waiting))["n"]:
            await asyncio.sleep(0.02)


async def test_a_sign_in_on_a_new_device_is_mailed_with_time_place_and_a_way_out(api, people, services, mailbox):
    await people.sign_up()
    await sign_in(api, FIREFOX)
    await sign_in(api, NEWER_FIREFOX)
    await sign_in(api, SAFARI)
    mail = await mailbox.wait_for(to="ann@example.com", template="new_device")
    assert "Device: Safari (iPhone)" in mail.text
    assert "Network address: 127.0.0.1" in mail.text
    assert f"{services.clock.now():%B}" in mail.text
    assert "?token=" in mail.wasnt_me_link
    # Neither the first sign-in of all nor the newer version of a known program is news.
    await told_of_everything(services)
    assert await mailbox.settled(beside={"verify_email"}) == []


async def test_a_known_program_in_another_network_is_a_new_device(api, people, services, mailbox):
    await people.sign_up()
    await sign_in(api, SAFARI)
    await services.db.fetchrow(
        "UPDATE audit_entries SET ip = '198.51.100.9' WHERE type = 'session.created' RETURNING id"
    )
    await sign_in(api, SAFARI)
    await mailbox.wait_for(template="new_device")


@pytest.mark.parametrize(
    ("kind", "fields", "words"),
    [
        (FactorEnrolled, {"factor": "totp"}, "An authenticator app was added."),
        (FactorEnrolled, {"factor": "passkey", "name": "Phone"}, "A passkey was added."),
        (FactorRemoved, {"factor": "totp"}, "An authenticator app was removed."),
        (FactorRemoved, {"factor": "passkey"}, "A passkey was removed."),
        (RecoveryCodesMade, {}, "New recovery codes were made; the former ones no longer work."),
    ],
)
async def test_a_change_of_second_factors_is_mailed(people, services, mailbox, kind, fields, words):
    await people.sign_up()
    await record(services, kind, **fields)
    mail = await mailbox.wait_for(to="ann@example.com", template="mfa_changed")
    assert words in mail.text
    assert "192.0.2.7" in mail.text
    assert "?token=" in mail.wasnt_me_link


@pytest.mark.attack("MFA-07")
async def test_an_operators_reset_is_audited_ends_sessions_and_is_told_to_the_owner(
    api, people, services, mailbox, events
):
    tokens = await people.signed_in()
    async with services.db.transaction() as tx:
        user = await services.users.find_by_email(tx, "ann@example.com")
    operator = Actor(ActorKind.OPERATOR, "root")
    await services.second_factors.reset(user.id, actor=operator, origin=Origin(ip=None, user_agent=None, trace_id="0"))
    (entry,) = await events.of("mfa.reset")
    assert (entry["actor_kind"], entry["subject"]) == ("operator", user.sub)
    assert (await api.get("/auth/me", headers=bearer(tokens))).status_code == 401
    mail = await mailbox.wait_for(to="ann@example.com", template="mfa_changed")
    assert "removed by an administrator" in mail.text


async def test_a_lockout_is_mailed_with_a_way_back_in(people, services, mailbox):
    await people.sign_up()
    await record(services, AccountLocked, actor=ANONYMOUS, failures=100)
    mail = await mailbox.wait_for(to="ann@example.com", template="account_locked")
    assert "http://localhost:8000/password/forgot" in mail.text
    assert "192.0.2.7" in mail.text


async def test_told_twice_and_at_once_the_owner_gets_one_mail_and_one_link(people, services, events):
    await people.sign_up()
    await record(services, FactorEnrolled, factor="totp")
    (entry,) = await events.of("mfa.enrolled")
    event = PastEvent(
        id=entry["id"], type=entry["type"], subject=entry["subject"], at=entry["at"], details=entry["details"]
    )
    (handler,) = [each.handler for each in subscriptions(services) if each.event_type == event.type]
    await asyncio.gather(*(handler(event) for _ in range(4)))
    await handler(event)
    counted = "SELECT (SELECT count(*) FROM mails) AS mails, (SELECT count(*) FROM links) AS links"
    assert dict(await services.db.fetchrow(counted)) == {"mails": 1, "links": 1}


async def test_nobody_is_told_after_the_account_is_gone_or_closed(people, services, api, events):
    tokens = await people.signed_in()
    user = await record(services, FactorEnrolled, factor="totp")
    await api.delete("/auth/me", headers=bearer(tokens))
    async with mailbox_of(services) as mailbox:
        await mailbox.wait_for(template="account_deletion")
        await told_of_everything(services)
        assert await mailbox.settled(beside={"verify_email"}) == []
    await services.db.fetchrow("UPDATE events SET status = 'pending' WHERE type = 'mfa.enrolled' RETURNING id")
    await services.lifecycle.delete(user.id, actor=Actor(ActorKind.OPERATOR, "root"), origin=ORIGIN)
    async with working(Worker(services)):
        await told_of_everything(services)
    row = await services.db.fetchrow("SELECT count(*) AS n FROM mails WHERE template = 'mfa_changed'")
    assert row["n"] == 0


async def test_a_mail_of_the_past_is_not_sent_again_when_its_event_is_told_much_later(people, services, events):
    await people.sign_up()
    await record(services, FactorEnrolled, factor="totp")
    worker = Worker(services)
    async with working(worker):
        await told_of_everything(services)
        services.clock.offset += timedelta(days=6)
        await services.db.fetchrow("UPDATE events SET status = 'pending' WHERE type = 'mfa.enrolled' RETURNING id")
        await told_of_everything(services)
    row = await services.db.fetchrow("SELECT count(*) AS n FROM mails WHERE template = 'mfa_changed'")
    assert row["n"] == 1
