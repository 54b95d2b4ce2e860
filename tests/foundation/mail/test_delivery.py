"""From the outbox to the mail server."""

from app.foundation.mail.outbox import Mail

URL = "http://localhost:8000/recovery/reset?token=abc_DEF-123"
WASNT_ME = "http://localhost:8000/wasnt-me?token=xyz"
RESET = {"url": URL, "expires_in": 900, "wasnt_me_url": WASNT_ME}


def reset(to="ann@example.com", **fields):
    return Mail(to=to, template="password_reset", values=RESET, **fields)


async def put(services, *mails):
    async with services.db.transaction() as tx:
        return [await services.outbox.put(tx, mail) for mail in mails]


async def test_a_mail_arrives_with_its_link_in_text_and_html(services, mailbox):
    await put(services, reset())
    mail = await mailbox.wait_for(to="ann@example.com", template="password_reset")
    assert mail.link == URL
    assert mail.token == "abc_DEF-123"
    assert mail.wasnt_me_link == WASNT_ME
    assert f'href="{URL}"' in mail.html
    assert "15 minutes" in mail.text
    assert await mailbox.settled() == []
