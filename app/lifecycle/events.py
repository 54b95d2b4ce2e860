"""What happens to a user's second factors. Owners are told of each by mail."""

from dataclasses import dataclass
from typing import ClassVar

from app.audit.event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorEnrolled(Event):
    """A user can prove themselves by a further factor from now on. `name` is what they call a passkey."""

    type: ClassVar[str] = "mfa.enrolled"

    factor: str
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorRemoved(Event):
    """A user took a factor away; their other sessions ended."""

    type: ClassVar[str] = "mfa.removed"

    factor: str
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorsReset(Event):
    """An operator took every second factor of a user away; their sessions ended."""

    type: ClassVar[str] = "mfa.reset"

    factors: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryCodesMade(Event):
    """A user got new recovery codes, and the old ones count no more."""

    type: ClassVar[str] = "mfa.recovery_codes_made"
