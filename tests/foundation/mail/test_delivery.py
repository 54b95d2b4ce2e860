"""From the outbox to the mail server."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from app.foundation.backoff import delay_after
from app.foundation.mail.messages import MESSAGES
from app.foundation.mail.outbox import Mail
from app.foundation.mail.settings import SMTPSettings, TLSMode
from app.foundation.mail.transport import SMTPTransport
from app.worker import Worker
from tests.mailbox import Mailbox, sink_running, working

URL = "http://localhost:8000/recovery/reset?token=abc_DEF-123"
WASNT_ME = "http://localhost:8000/wasnt-me?token=xyz"
RESET = {"url": URL, "expires_in": 900, "wasnt_me_url": WASNT_ME}


def reset(to="ann@example.com", **fields):
    return Mail(to=to, template="password_reset", values=RESET, **fields)


async def put(services, *mails):
    async with services.db.transaction() as tx:
        return [await services.outbox.put(tx, mail) for mail in mails]


async def state_of(services, mail_id):
    row = await services.db.fetchrow("SELECT state, payload, attempts, message_id FROM mails WHERE id = $1", mail_id)
    return dict(row)


async def test_a_mail_arrives_with_its_link_in_text_and_html(services, mailbox):
    (mail_id,) = await put(services, reset())
    mail = await mailbox.wait_for(to="ann@example.com", template="password_reset")
    assert mail.link == URL
    assert mail.token == "abc_DEF-123"
    assert mail.wasnt_me_link == WASNT_ME
    assert f'href="{URL}"' in mail.html
    assert "15 minutes" in mail.text
    assert mail.message["Auto-Submitted"] == "auto-generated"
    assert mail.message["Date"]
    assert await mailbox.settled() == []
    stored = await state_of(services, mail_id)
    assert stored["state"] == "sent"
    assert mail.message["Message-ID"] == stored["message_id"]


async def test_no_mail_comes_of_a_change_that_was_rolled_back(services, mailbox):
    async with services.db.transaction() as tx:
        await services.outbox.put(tx, reset("rolled-back@example.com"))
        await tx.rollback()
    await put(services, reset("kept@example.com"))
    await mailbox.wait_for(to="kept@example.com")
    assert await mailbox.settled() == []


async def test_what_a_mail_says_is_not_readable_in_the_database(services):
    (mail_id,) = await put(services, reset())
    payload = (await state_of(services, mail_id))["payload"]
    assert b"ann@example.com" not in payload
    assert b"abc_DEF-123" not in payload


@pytest.mark.parametrize("kind", sorted(MESSAGES))
@pytest.mark.parametrize("locale", ["en", "de"])
async def test_every_template_says_every_value_in_text_and_html(services, kind, locale):
    values = {name: f"<b>{name}</b>" for name in MESSAGES[kind].values}
    values |= {name: f"https://x.example/{name}?a=1&b=2" for name in values if name.endswith("url")}
    values |= {"expires_in": 900, "at": datetime(2026, 11, 21, tzinfo=UTC).isoformat(), "change": "totp_added"}
    values = {name: value for name, value in values.items() if name in MESSAGES[kind].values}
    composed = services.composer.compose(kind, locale, values)
    for name, value in values.items():
        if name.endswith("url"):
            assert value in composed.text
            assert value.replace("&", "&amp;") in composed.html
        elif name not in {"expires_in", "at", "change"}:
            assert value in composed.text
            assert value.replace("<", "&lt;").replace(">", "&gt;") in composed.html
            assert value not in composed.html
    assert "%(" not in composed.text + composed.html
    assert "fonts.googleapis" not in composed.html


async def test_a_reader_of_german_gets_german(services, mailbox):
    await put(services, reset(locale="de-AT"))
    mail = await mailbox.wait_for(subject="Neues Passwort festlegen")
    assert "15 Minuten" in mail.text


@pytest.mark.parametrize(
    "to",
    ["ann@example.com\r\nBcc: eve@example.com", "ann@example.com\n", "a b@example.com", "Ann <ann@example.com>", "ann"],
)
async def test_an_address_that_would_write_headers_is_refused(services, to):
    with pytest.raises(ValueError, match="not an address"):
        await put(services, reset(to))


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("nothing", {}),
        ("password_reset", {"url": URL}),
        ("password_reset", RESET | {"more": "x"}),
        ("password_reset", RESET | {"url": "javascript:alert(1)"}),
        ("password_reset", RESET | {"url": "http://x.example/\r\nX"}),
        ("password_reset", RESET | {"expires_in": "900"}),
        ("mfa_changed", {"change": "?", "at": datetime.now(UTC), "device": "x", "ip": "y", "wasnt_me_url": WASNT_ME}),
        ("mfa_changed", {"change": "reset", "at": "today", "device": "x", "ip": "y", "wasnt_me_url": WASNT_ME}),
        ("password_changed", {"device": 5, "at": datetime.now(UTC), "wasnt_me_url": WASNT_ME}),
    ],
)
async def test_values_that_do_not_fit_the_template_are_refused(services, kind, values):
    with pytest.raises(ValueError, match=r"template|address|seconds|aware|text|one of"):
        await put(services, Mail(to="ann@example.com", template=kind, values=values))


async def test_a_strangers_text_stays_on_its_line(services, mailbox):
    values = {"device": "curl\r\nSubject: x\u2028y", "at": datetime.now(UTC), "wasnt_me_url": WASNT_ME}
    await put(services, Mail(to="ann@example.com", template="password_changed", values=values))
    mail = await mailbox.wait_for(template="password_changed")
    assert "Device: curl  Subject: x y\n" in mail.text


async def test_a_mail_that_the_server_refuses_for_good_is_dead_at_once_and_audited(services, mailbox, events):
    mailbox.sink.answer = lambda mail: "550 no such user" if mail.to == "gone@example.com" else "250 OK"
    mail_id, _ = await put(services, reset("gone@example.com"), reset("here@example.com"))
    await mailbox.wait_for(to="here@example.com")
    assert await mailbox.settled() == []
    stored = await state_of(services, mail_id)
    assert (stored["state"], stored["payload"], stored["attempts"]) == ("dead", None, 1)
    (entry,) = await events.of("mail.undeliverable")
    assert entry["details"]["mail_id"] == str(mail_id)
    assert entry["details"]["reason"] == "content: 550"
    assert "gone@" not in str(entry)


async def test_a_mail_that_the_server_cannot_take_now_is_tried_again(services, mailbox):
    answers = iter(["451 later", "421 busy"])
    mailbox.sink.answer = lambda _: next(answers, "250 OK")
    (mail_id,) = await put(services, reset())
    for attempts in (1, 2):
        await _until(services, mail_id, lambda stored, n=attempts: stored["attempts"] >= n)
        services.clock.offset += timedelta(hours=1)
    await mailbox.wait_for(to="ann@example.com")
    assert (await state_of(services, mail_id))["attempts"] >= 3


async def test_a_mail_is_given_up_after_a_day(services, mailbox):
    mailbox.sink.answer = lambda _: "451 later"
    (mail_id,) = await put(services, reset())
    await _until(services, mail_id, lambda stored: stored["attempts"] >= 1)
    services.clock.offset += timedelta(hours=25)
    await _until(services, mail_id, lambda stored: stored["state"] == "dead")


def test_waiting_times_double_to_an_hour_and_differ():
    for attempts, longest in ((1, 5), (2, 10), (5, 80), (30, 3600)):
        delays = {delay_after(attempts).total_seconds() for _ in range(20)}
        assert all(longest / 2 <= delay <= longest for delay in delays)
        assert len(delays) > 1


async def test_a_server_without_starttls_gets_no_mail_where_tls_is_required(services):
    with sink_running() as sink:
        demanding = SMTPSettings(host="127.0.0.1", port=sink.port, tls=TLSMode.STARTTLS)
        (mail_id,) = await put(services, reset())
        async with working(Worker(services, transport=SMTPTransport(demanding))):
            await _until(services, mail_id, lambda stored: stored["attempts"] >= 1)
        assert sink.received == []


@pytest.mark.fault("F18")
async def test_mail_waits_while_the_server_is_down_and_all_of_it_arrives_once_after_the_heal(services, api, people):
    with sink_running() as sink:
        down = SMTPSettings(host="127.0.0.1", port=sink.port)
    # Nobody listens there any more.
    mails = [reset(f"user{n}@example.com") for n in range(100)]
    async with working(Worker(services, transport=SMTPTransport(down))):
        ids = await put(services, *mails)
        await people.sign_up("meanwhile@example.com")
        await _until(services, ids[-1], lambda stored: stored["attempts"] >= 1)
    services.clock.offset += timedelta(minutes=10)
    with sink_running() as sink:
        async with working(Worker(services, transport=SMTPTransport(sink.settings))):
            mailbox = Mailbox(sink, services)
            await mailbox.settled()
    # The one who signed up meanwhile is greeted as well.
    arrived = [mail.to for mail in sink.received if mail.to != "meanwhile@example.com"]
    assert set(arrived) == {mail.to for mail in mails}
    assert len(arrived) - len(set(arrived)) <= len(mails) / 100


async def test_of_one_key_one_mail_is_put_also_at_once(services, mailbox):
    async def put_once():
        async with services.db.transaction() as tx:
            return await services.outbox.put_once(tx, reset(), key="new_device:1")

    ids = await asyncio.gather(*(put_once() for _ in range(4)))
    assert sum(mail_id is not None for mail_id in ids) == 1
    await mailbox.wait_for(to="ann@example.com")
    assert await mailbox.settled() == []


async def test_development_shows_what_was_sent_newest_first(services, api):
    async with working(Worker(services)):
        for name in ("first", "second"):
            (mail_id,) = await put(services, reset(f"{name}@example.com"))
            await _until(services, mail_id, lambda stored: stored["state"] == "sent")
    answer = await api.get("/dev/mail.json")
    shown = answer.json()
    assert [mail["to"] for mail in shown] == ["second@example.com", "first@example.com"]
    assert set(shown[0]) == {"to", "subject", "text", "html", "at"}
    assert "?token=abc_DEF-123" in shown[0]["text"]
    page = await api.get("/dev/mail")
    assert "second@example.com" in page.text
    assert f'<a href="{URL}" rel="noreferrer">' in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert page.headers["cache-control"] == "no-store"


async def _until(services, mail_id, is_so):
    async with asyncio.timeout(60):
        while not is_so(await state_of(services, mail_id)):
            await asyncio.sleep(0.02)
