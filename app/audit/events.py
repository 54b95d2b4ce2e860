"""What happened to the ways in which we tell people what happened."""

from dataclasses import dataclass
from typing import ClassVar

from app.audit.event import Event, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class MailUndeliverable(Event):
    """A mail could not be delivered and is given up. `reason` names a step and a code, never an address."""

    type: ClassVar[str] = "mail.undeliverable"
    outcome: ClassVar[Outcome] = Outcome.REFUSED

    mail_id: str
    template: str
    user_id: str | None
    attempts: int
    reason: str
