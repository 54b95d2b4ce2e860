"""What happens to groups. `subject` is the user who came in or left."""

from dataclasses import dataclass
from typing import ClassVar

from app.audit.event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupCreated(Event):
    """A group was made."""

    type: ClassVar[str] = "group.created"

    group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupUpdated(Event):
    """A group has another name, which was `before`, or another description."""

    type: ClassVar[str] = "group.updated"

    group: str
    before: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupDeleted(Event):
    """A group is gone, and its `members` lost what they held by it."""

    type: ClassVar[str] = "group.deleted"

    group: str
    members: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupMemberAdded(Event):
    """A user came into a group."""

    type: ClassVar[str] = "group.member_added"

    group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupMemberRemoved(Event):
    """A user left a group."""

    type: ClassVar[str] = "group.member_removed"

    group: str
