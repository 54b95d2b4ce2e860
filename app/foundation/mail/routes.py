"""`/dev/mail.json`: what a development instance has sent, for programs. Elsewhere there is no such address."""

from fastapi import Request
from fastapi.responses import JSONResponse

from app.foundation.clock import rfc3339
from app.foundation.mail.sent import SentMail, SentMails
from app.foundation.provide import provided
from app.foundation.routing import Router

router = Router(tags=["development"])


@router.get("/dev/mail.json", include_in_schema=False)
async def list_as_json(request: Request) -> JSONResponse:
    """Every mail sent, newest first."""
    mails = await provided(request.app, SentMails).list()
    return JSONResponse([_shown(mail) for mail in mails], headers={"Cache-Control": "no-store"})


def _shown(mail: SentMail) -> dict[str, str]:
    composed = mail.composed
    return {
        "to": mail.to,
        "subject": composed.subject,
        "text": composed.text,
        "html": composed.html,
        "at": rfc3339(mail.at),
    }
