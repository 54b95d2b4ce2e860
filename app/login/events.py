"""What happens at sign-in. A success is `session.created`."""

from dataclasses import dataclass
from typing import ClassVar

from app.audit.event import Event, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginFailed(Event):
    """A sign-in was refused. `reason` and `identifier` are for the log alone."""

    type: ClassVar[str] = "login.failed"
    outcome: ClassVar[Outcome] = Outcome.REFUSED

    reason: str
    identifier: str | None
    audience: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginCodeRequested(Event):
    """Somebody asked for a code by mail. `mailed` says whether one went out; `identifier` is for the log alone."""

    type: ClassVar[str] = "login.code_requested"

    identifier: str
    mailed: bool
