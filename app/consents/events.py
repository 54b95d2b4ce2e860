"""What happens to consents."""

from dataclasses import dataclass
from typing import ClassVar

from app.audit.event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentGranted(Event):
    """A user allowed a client something; `scopes` and `claims` are all that they allow it now."""

    type: ClassVar[str] = "consent.granted"

    client_id: str
    scopes: list[str]
    claims: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentWithdrawn(Event):
    """A user took back all that they had allowed a client; `grants_ended` is how many grants ended with it."""

    type: ClassVar[str] = "consent.withdrawn"

    client_id: str
    grants_ended: int
