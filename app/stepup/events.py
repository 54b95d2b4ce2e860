"""What happens at step-up."""

from dataclasses import dataclass
from typing import ClassVar

from app.audit.event import Event, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionReauthenticated(Event):
    """A user proved again who they are; `amr` and `acr` are the session's from now on."""

    type: ClassVar[str] = "session.reauthenticated"

    sid: str
    factor: str
    amr: list[str]
    acr: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepUpRefused(Event):
    """A proof was refused in an open session. `reason` is for the log alone."""

    type: ClassVar[str] = "step_up.refused"
    outcome: ClassVar[Outcome] = Outcome.REFUSED

    sid: str
    factor: str
    reason: str
    action: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionTokenIssued(Event):
    """A user agreed to one act at one service."""

    type: ClassVar[str] = "action_token.issued"

    sid: str
    factor: str
    action: str
    audience: str
    jti: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionTokenConsumed(Event):
    """A service spent an action token."""

    type: ClassVar[str] = "action_token.consumed"

    sid: str
    action: str
    audience: str
    jti: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionTokenRefused(Event):
    """A service was told that an action token does not count. `reason` is for the log alone."""

    type: ClassVar[str] = "action_token.refused"
    outcome: ClassVar[Outcome] = Outcome.REFUSED

    reason: str
    action: str
