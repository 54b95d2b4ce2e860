"""`/dev/mail` and `/dev/mail.json`: what a development instance has sent. Elsewhere there are no such addresses."""

from pathlib import Path

from fastapi import Request
from fastapi.responses import HTMLResponse, JSONResponse
from jinja2 import Environment, StrictUndefined

from app.foundation.clock import rfc3339
from app.foundation.mail.sent import SentMail, SentMails
from app.foundation.provide import provided
from app.foundation.routing import Router

# The mail's own HTML is not shown: it is styled inline, which this page forbids as every page of ours does.
_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_HEADERS = {"Cache-Control": "no-store", "Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff"}
_PAGE = Environment(autoescape=True, undefined=StrictUndefined).from_string(
    (Path(__file__).parent / "sent.html").read_text()
)

router = Router(tags=["development"])


@router.get("/dev/mail", include_in_schema=False)
async def list_as_page(request: Request) -> HTMLResponse:
    """Every mail sent, newest first, as its text; the addresses in it can be followed."""
    mails = await provided(request.app, SentMails).list()
    shown = [{**_shown(mail), "links": mail.links} for mail in mails]
    return HTMLResponse(_PAGE.render(mails=shown), headers=_HEADERS)


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
