"""What happens to roles. `subject` is the user who was given a role or lost it; `audience` None is everywhere."""

from dataclasses import dataclass
from typing import ClassVar

from app.audit.event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleCreated(Event):
    """A role was registered."""

    type: ClassVar[str] = "role.created"

    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleDeleted(Event):
    """A role is gone, and everybody who held it lost it."""

    type: ClassVar[str] = "role.deleted"

    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleUpdated(Event):
    """How well the holders of a role must prove who they are was changed; without `required_acr` anyhow."""

    type: ClassVar[str] = "role.updated"

    role: str
    required_acr: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PermissionGranted(Event):
    """A role was given a permission at an audience."""

    type: ClassVar[str] = "role.permission_granted"

    role: str
    audience: str
    permission: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PermissionWithdrawn(Event):
    """A role lost a permission at an audience."""

    type: ClassVar[str] = "role.permission_withdrawn"

    role: str
    audience: str
    permission: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleAssigned(Event):
    """A user was given a role."""

    type: ClassVar[str] = "role.assigned"

    role: str
    audience: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleRemoved(Event):
    """A user lost a role."""

    type: ClassVar[str] = "role.removed"

    role: str
    audience: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRoleAssigned(Event):
    """A group was given a role, and with it each of its members."""

    type: ClassVar[str] = "group.role_assigned"

    group: str
    role: str
    audience: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRoleRemoved(Event):
    """A group lost a role, and with it each of its members who held it by nothing else."""

    type: ClassVar[str] = "group.role_removed"

    group: str
    role: str
    audience: str | None
