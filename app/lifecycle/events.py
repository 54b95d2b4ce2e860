"""What happens to a user, a client or an audience as a whole, and to users' second factors."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class UserInvited(Event):
    """A user was mailed a link by which they set their first password."""

    type: ClassVar[str] = "user.invited"


@dataclass(frozen=True, slots=True, kw_only=True)
class EverythingEnded(Event):
    """All that a user, a client or an audience had was ended at once. `reason` is in the words of whoever did it.

    `of` is `user`, `client` or `audience`, and `audience` its name. What was issued before `not_before` is refused.
    """

    type: ClassVar[str] = "access.ended"

    of: str
    audience: str | None = None
    reason: str
    not_before: str
    sessions: int
    api_keys: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UserImpersonated(Event):
    """An administrator got a token in which they act in the user's name. `reason` is in their words."""

    type: ClassVar[str] = "user.impersonated"

    sid: str
    audience: str
    reason: str
    expires_at: str
