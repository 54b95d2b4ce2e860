"""`/dev/mail`: what a development instance has sent, for a person to read. Elsewhere there is no such page."""

from typing import Annotated

from starlette.requests import Request
from starlette.responses import Response

from app.foundation.clock import rfc3339
from app.foundation.mail.sent import SentMails
from app.foundation.pages import PageRouter, Pages
from app.foundation.provide import provide

router = PageRouter()


@router.get("/dev/mail")
async def sent_mails(
    request: Request, pages: Annotated[Pages, provide(Pages)], sent: Annotated[SentMails, provide(SentMails)]
) -> Response:
    """Every mail sent, newest first, as its text; the addresses in it can be followed.

    A mail's own HTML is not shown: it is styled inline, which this page forbids as every page of ours does.
    """
    mails = [
        {
            "to": mail.to,
            "subject": mail.composed.subject,
            "at": rfc3339(mail.at),
            "paragraphs": mail.paragraphs,
        }
        for mail in await sent.list()
    ]
    return pages.render(request, "pages/sent_mails.html", headers={"Cache-Control": "no-store"}, mails=mails)
