"""What happens to one-time codes."""

from dataclasses import dataclass
from typing import ClassVar

from app.audit.event import Event, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorLocked(Event):
    """Too many wrong codes of a user in a quarter of an hour: the factor answers no more until that is over."""

    type: ClassVar[str] = "mfa.locked"
    outcome: ClassVar[Outcome] = Outcome.REFUSED

    factor: str
    tries: int
