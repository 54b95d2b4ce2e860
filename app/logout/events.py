"""What happens to notices of sign-outs."""

from dataclasses import dataclass
from typing import ClassVar

from app.audit.event import Event, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutUndelivered(Event):
    """A client took no notice of a sign-out in all the time there was: it may still have somebody signed in."""

    type: ClassVar[str] = "logout.undelivered"
    outcome: ClassVar[Outcome] = Outcome.REFUSED

    client_id: str
    sid: str
    attempts: int
    reason: str
