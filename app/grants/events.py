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


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantRevoked(Event):
    """What a user allowed a client was ended before its time: its tokens are refused."""

    type: ClassVar[str] = "grant.revoked"

    client_id: str
    sid: str
    grant_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRedeemed(Event):
    """A client came for what a user allowed it. `offline` says that it got a session of its own."""

    type: ClassVar[str] = "code.redeemed"

    sid: str | None = None
    grant_id: str | None = None
    audience: str | None = None
    scope: str | None = None
    offline: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRefused(Event):
    """An authorization code was refused, and is spent by that. `reason` is for the log alone."""

    type: ClassVar[str] = "code.refused"
    outcome: ClassVar[Outcome] = Outcome.REFUSED

    client_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeReused(Event):
    """A spent authorization code came back, and what it was redeemed for was ended. Spec: RFC 9700 §4.5."""

    type: ClassVar[str] = "code.reused"
    outcome: ClassVar[Outcome] = Outcome.REFUSED

    client_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRevoked(Event):
    """A client gave one access token back. Spec: RFC 7009."""

    type: ClassVar[str] = "token.revoked"

    client_id: str
    jti: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRevocationRefused(Event):
    """A client tried to end another client's token."""

    type: ClassVar[str] = "token.revocation_refused"
    outcome: ClassVar[Outcome] = Outcome.REFUSED

    client_id: str
