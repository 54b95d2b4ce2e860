"""The mails that a development instance has sent, to be read."""

import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from app.foundation.db import Database
from app.foundation.encryption import Keyring
from app.foundation.errors import NotFound
from app.foundation.mail.composition import Composed, Composer
from app.foundation.mail.models import MailRow
from app.foundation.mail.outbox import open_payload

SHOWN = 200
_LINK = re.compile(r"(https?://\S+)")


@dataclass(frozen=True, slots=True)
class SentMail:
    """A mail that was sent."""

    to: str
    at: datetime
    composed: Composed

    @property
    def paragraphs(self) -> list[list[list[str]]]:
        """Its text as paragraphs of lines; of a line's parts every other one, from the second on, is an address."""
        paragraphs = self.composed.text.strip().split("\n\n")
        return [[_LINK.split(line) for line in paragraph.splitlines()] for paragraph in paragraphs]


class SentMails:
    """Shows sent mails in development; elsewhere there is nothing to show and nobody learns so."""

    def __init__(self, db: Database, *, keyring: Keyring, composer: Composer, development: bool) -> None:
        self._db = db
        self._keyring = keyring
        self._composer = composer
        self._development = development

    async def list(self) -> list[SentMail]:
        """The newest first, no more than two hundred. Raises NotFound outside development."""
        if not self._development:
            raise NotFound
        statement = (
            select(MailRow.id, MailRow.template, MailRow.locale, MailRow.payload, MailRow.ended_at)
            .where(MailRow.state == "sent", MailRow.payload.is_not(None))
            .order_by(MailRow.ended_at.desc(), MailRow.id.desc())
            .limit(SHOWN)
        )
        async with self._db.transaction() as tx:
            rows = (await tx.execute(statement)).all()
        sent = []
        for mail_id, template, locale, payload, ended_at in rows:
            if payload is None or ended_at is None:
                continue
            to, values = open_payload(self._keyring, mail_id, payload)
            sent.append(SentMail(to, ended_at, self._composer.compose(template, locale, values)))
        return sent
