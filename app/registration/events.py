"""What happens at sign-up and to addresses. A sign-up that went well is `user.created`."""

from dataclasses import dataclass
from typing import ClassVar

from app.audit.event import Event, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationRefused(Event):
    """A sign-up was refused. `subject` is who has the address already; `reason` is a code, never a value."""

    type: ClassVar[str] = "registration.refused"
    outcome: ClassVar[Outcome] = Outcome.REFUSED

    reason: str
    faults: list[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailVerificationRequested(Event):
    """Somebody asked for the link that confirms an address; whether it has an account is not known yet."""

    type: ClassVar[str] = "email.verification_requested"

    identifier: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailChangeRequested(Event):
    """A user gave a new address, which is theirs once the link that is mailed there was used."""

    type: ClassVar[str] = "email.change_requested"

    new_email: str
