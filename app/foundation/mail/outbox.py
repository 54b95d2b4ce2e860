"""Putting a mail into the outbox, in the transaction of the change that it speaks of."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert

from app.foundation.clock import Clock
from app.foundation.db import Transaction
from app.foundation.encryption import Keyring
from app.foundation.ids import new_id
from app.foundation.mail.messages import MESSAGES, MFA_CHANGES
from app.foundation.mail.models import MailRow

Value = str | int | datetime

MAX_VALUE_CHARACTERS = 2048
_PURPOSE = "mail"
_ADDRESS = re.compile(r"[^\x00-\x20\x7f-\x9f\u2028\u2029<>]+@[^\x00-\x20\x7f-\x9f\u2028\u2029<>@]+")
_URL = re.compile(r"https?://[!-~]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail to somebody: which values its template takes is in `messages.py`. `locale` is a language tag or None."""

    to: str
    template: str
    values: Mapping[str, Value]
    locale: str | None = None
    user_id: UUID | None = None


class Outbox:
    """Takes mails in. `domain` is what the right half of their Message-IDs says."""

    def __init__(self, clock: Clock, keyring: Keyring, *, domain: str) -> None:
        self._clock = clock
        self._keyring = keyring
        self._domain = domain

    async def put(self, tx: Transaction, mail: Mail) -> UUID:
        """Have a mail sent if the caller's transaction commits; return its id. One statement, nothing is waited for.

        Raises ValueError for an unknown template, for values other than the template takes, and for an address or
        a link that holds what does not belong there.
        """
        row = self._row(mail)
        await tx.execute(insert(MailRow), row)
        mail_id: UUID = row["id"]
        return mail_id

    async def put_once(self, tx: Transaction, mail: Mail, *, key: str) -> UUID | None:
        """The same, unless a mail was ever put by this key: then None, and nothing is sent.

        For whoever may be told of one thing twice. A key is forgotten with its mail, a month after that was sent.
        """
        statement = (
            insert(MailRow)
            .values(**self._row(mail), once_key=key)
            .on_conflict_do_nothing(index_elements=[MailRow.once_key], index_where=MailRow.once_key.is_not(None))
        )
        mail_id: UUID | None = (await tx.execute(statement.returning(MailRow.id))).scalar()
        return mail_id

    def _row(self, mail: Mail) -> dict[str, Any]:
        now = self._clock.now()
        mail_id = new_id(now)
        payload = json.dumps({"to": _address(mail.to), "values": _values(mail)}).encode()
        return {
            "id": mail_id,
            "template": mail.template,
            "locale": mail.locale,
            "user_id": mail.user_id,
            "message_id": f"<{mail_id}@{self._domain}>",
            "payload": self._keyring.encrypt(payload, purpose=_PURPOSE, bound_to=str(mail_id)),
            "due_at": now,
            "created_at": now,
        }


def open_payload(keyring: Keyring, mail_id: UUID, payload: bytes) -> tuple[str, dict[str, str | int]]:
    """Recipient and values of a row. Raises DecryptionFailed."""
    opened = json.loads(keyring.decrypt(payload, purpose=_PURPOSE, bound_to=str(mail_id)))
    return opened["to"], opened["values"]


def _address(to: str) -> str:
    # A line break here would begin another header, or another recipient.
    if _ADDRESS.fullmatch(to) is None:
        raise ValueError("the recipient is not an address")
    return to


def _values(mail: Mail) -> dict[str, str | int]:
    message = MESSAGES.get(mail.template)
    if message is None:
        raise ValueError(f"there is no template {mail.template!r}")
    if mail.values.keys() != message.values:
        raise ValueError(f"the template {mail.template} takes {sorted(message.values)}, not {sorted(mail.values)}")
    return {name: _checked(name, value) for name, value in mail.values.items()}


def _checked(name: str, value: Value) -> str | int:
    if name == "expires_in":
        if not isinstance(value, int):
            raise ValueError("expires_in is a whole number of seconds")
        return value
    if name == "at":
        if not isinstance(value, datetime) or value.tzinfo is None:
            raise ValueError("at is an aware datetime")
        return value.isoformat()
    if not isinstance(value, str):
        raise ValueError(f"{name} is a text")  # noqa: TRY004 — one kind of refusal for all that does not fit
    if name.endswith("url") and _URL.fullmatch(value) is None:
        raise ValueError(f"{name} is no absolute web address")
    if name == "change" and value not in MFA_CHANGES:
        raise ValueError(f"change is one of {sorted(MFA_CHANGES)}")
    # What a stranger typed, such as a user agent, must not draw lines of its own.
    return "".join(character if character.isprintable() else " " for character in value)[:MAX_VALUE_CHARACTERS]
