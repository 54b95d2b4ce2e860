"""Delivering what is in the outbox: claim, compose, hand over, and try again until a day is over."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from uuid import UUID

import asyncpg
from email_validator import EmailNotValidError, validate_email
from sqlalchemy import text

from app.foundation.backoff import delay_after
from app.foundation.clock import Clock
from app.foundation.db import Database, Transaction
from app.foundation.encryption import DecryptionFailed, Keyring
from app.foundation.job import Claimed, Job
from app.foundation.mail.composition import Composed, Composer
from app.foundation.mail.outbox import open_payload
from app.foundation.mail.transport import Refused, Transport, TriedLater
from app.foundation.metrics import Counter

KIND = "mail"
GIVEN_UP_AFTER = timedelta(hours=24)
# A claimed mail whose job never came to anything is claimed again after this.
_LEASE = timedelta(minutes=5)

# The claim moves `due_at` to the end of the lease: claimed rows leave the front of the index at once.
_CLAIM = """
UPDATE mails SET due_at = $2 WHERE id IN (
  SELECT id FROM mails WHERE state = 'pending' AND due_at <= $1 ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED
) RETURNING id
"""
_BEGIN = """
UPDATE mails SET attempts = attempts + 1, due_at = $2 WHERE id = $1 AND state = 'pending'
RETURNING id, template, locale, user_id, message_id, payload, attempts, created_at
"""
_SENT = """
UPDATE mails SET state = 'sent', ended_at = $2, payload = CASE WHEN $3 THEN payload END
WHERE id = $1 AND state = 'pending' RETURNING id
"""
_LATER = "UPDATE mails SET due_at = $2 WHERE id = $1 AND state = 'pending' RETURNING id"
_DEAD = text(
    "UPDATE mails SET state = 'dead', ended_at = :at, payload = NULL WHERE id = :id AND state = 'pending' RETURNING id"
)

_ATTEMPTS = Counter(
    "mail_attempts", "Attempts to hand a mail over.", unit="attempts", result=("sent", "postponed", "dead")
)

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadMail:
    """A mail that will never arrive. `reason` names a step and a code, and no address."""

    id: UUID
    template: str
    user_id: UUID | None
    attempts: int
    reason: str


OnDead = Callable[[Transaction, DeadMail], Awaitable[None]]
"""Told of a dead mail in the transaction that ends it."""


class MailDelivery:
    """The worker's side of the outbox.

    `keeps_sent` is for development: a sent mail's words stay in its row, for /dev/mail to show.
    """

    def __init__(
        self,
        db: Database,
        clock: Clock,
        *,
        keyring: Keyring,
        composer: Composer,
        transport: Transport,
        sender: Address,
        on_dead: OnDead,
        keeps_sent: bool,
    ) -> None:
        self._db = db
        self._clock = clock
        self._keyring = keyring
        self._composer = composer
        self._transport = transport
        self._sender = sender
        self._on_dead = on_dead
        self._keeps_sent = keeps_sent

    async def claim(self, connection: "asyncpg.Connection", limit: int) -> Claimed:
        """A feed: mails that are due become jobs."""
        now = self._clock.now()
        rows = await connection.fetch(_CLAIM, now, now + _LEASE, limit)
        return Claimed(len(rows), [Job(KIND, f"{KIND}:{row['id']}", str(row["id"])) for row in rows])

    async def deliver(self, argument: str) -> None:
        """Send one mail, or set when it is tried again, or end it. One that is not pending is left alone."""
        now = self._clock.now()
        row = await self._db.fetchrow(_BEGIN, UUID(argument), now + _LEASE)
        if row is None:
            return
        try:
            await self._send(row)
        except (Refused, DecryptionFailed, ValueError, KeyError) as error:
            await self._end(row, reason=str(error) or type(error).__name__)
        except TriedLater as error:
            await self._postpone(row, reason=str(error))
        else:
            await self._db.fetchrow(_SENT, row["id"], self._clock.now(), self._keeps_sent)
            _ATTEMPTS.add("sent")
            _logger.info("mail sent", extra={"mail_id": str(row["id"]), "template": row["template"]})

    async def _send(self, row: "asyncpg.Record") -> None:
        to, values = open_payload(self._keyring, row["id"], row["payload"])
        composed = self._composer.compose(row["template"], row["locale"], values)
        recipient = _address(to)
        message = as_message(
            composed, sender=self._sender, recipient=recipient, message_id=row["message_id"], at=self._clock.now()
        )
        await self._transport.send(message, recipient=recipient.addr_spec)

    async def _postpone(self, row: "asyncpg.Record", *, reason: str) -> None:
        now = self._clock.now()
        if now - row["created_at"] >= GIVEN_UP_AFTER:
            await self._end(row, reason=reason)
            return
        await self._db.fetchrow(_LATER, row["id"], now + delay_after(row["attempts"]))
        _ATTEMPTS.add("postponed")
        fields = {"mail_id": str(row["id"]), "template": row["template"], "attempts": row["attempts"]}
        _logger.warning("mail is tried again later: %s", reason, extra=fields)

    async def _end(self, row: "asyncpg.Record", *, reason: str) -> None:
        dead = DeadMail(
            id=row["id"],
            template=row["template"],
            user_id=row["user_id"],
            attempts=row["attempts"],
            reason=reason,
        )
        async with self._db.transaction() as tx:
            ended = await tx.scalar(_DEAD, {"id": dead.id, "at": self._clock.now()})
            if ended is not None:
                await self._on_dead(tx, dead)
        _ATTEMPTS.add("dead")
        fields = {"mail_id": str(dead.id), "template": dead.template, "attempts": dead.attempts}
        _logger.error("mail cannot be delivered: %s", reason, extra=fields)


def as_message(
    composed: Composed, *, sender: Address, recipient: Address, message_id: str, at: datetime
) -> EmailMessage:
    """The mail as it travels. Every header is set as a value, and one that holds a line break is refused.

    Raises ValueError. Spec: RFC 5322 §3.6, RFC 3834 §5 (Auto-Submitted keeps auto-responders quiet).
    """
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = recipient
    message["Subject"] = composed.subject
    message["Date"] = format_datetime(at)
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(composed.text)
    message.add_alternative(composed.html, subtype="html")
    return message


def _address(raw: str) -> Address:
    """The address with its domain in ASCII: only the part before the @ may need a server that knows Unicode."""
    try:
        parts = validate_email(raw, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise ValueError("the recipient is not an address") from error
    return Address(username=parts.local_part, domain=parts.ascii_domain or parts.domain)
