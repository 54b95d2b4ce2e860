"""What happens to users."""

from dataclasses import dataclass
from typing import ClassVar

from app.audit.event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class UserCreated(Event):
    """A user was made. `entry` says how they came in."""

    type: ClassVar[str] = "user.created"
    entry: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UserUpdated(Event):
    """Something about a user changed. `changed` names what, never the values."""

    type: ClassVar[str] = "user.updated"
    changed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UserSuspended(Event):
    """A user may no longer act."""

    type: ClassVar[str] = "user.suspended"


@dataclass(frozen=True, slots=True, kw_only=True)
class UserClosed(Event):
    """A user closed their account. It is deleted at `due_at`, unless they take it back."""

    type: ClassVar[str] = "user.closed"

    due_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UserReactivated(Event):
    """A suspended user may act again, or somebody took their closed account back."""

    type: ClassVar[str] = "user.reactivated"


@dataclass(frozen=True, slots=True, kw_only=True)
class UserDeleted(Event):
    """A user is gone."""

    type: ClassVar[str] = "user.deleted"
