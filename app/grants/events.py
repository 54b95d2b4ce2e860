"""What happens to grants and their tokens."""

from dataclasses import dataclass
from typing import ClassVar

from app.audit.event import Event, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRefreshed(Event):
    """A refresh token was rotated."""

    type: ClassVar[str] = "token.refreshed"

    sid: str | None = None
    grant_id: str | None = None
    audience: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshReplayed(Event):
    """A spent refresh token came back within the grace window and got the same successor again."""

    type: ClassVar[str] = "token.refresh_replayed"

    sid: str
    grant_id: str
    audience: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshReused(Event):
    """A spent refresh token came back and its session was ended."""

    type: ClassVar[str] = "token.refresh_reused"
    outcome: ClassVar[Outcome] = Outcome.REFUSED

    sid: str
    grant_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshRefused(Event):
    """A refresh token was refused. `reason` is for the log alone."""

    type: ClassVar[str] = "token.refresh_refused"
    outcome: ClassVar[Outcome] = Outcome.REFUSED

    reason: str
    sid: str | None = None
    grant_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantReplaced(Event):
    """A user lost a right: the access tokens of this `grant_id` are refused, and the session goes on with another."""

    type: ClassVar[str] = "grant.replaced"

    sid: str
    grant_id: str
    reason: str
