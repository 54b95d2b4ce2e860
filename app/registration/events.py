"""What happens at sign-up. A success is `user.created`."""

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
