"""What roles may be called, and what a user holds by the roles assigned to them: pure rules."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from pydantic_core import from_json

from app.audiences.own import OWN_SCOPES, SELF
from app.audiences.rules import is_scope
from app.revocation.bars import Bar, parse_bars
from app.roles.errors import InvalidRole

ADMIN = "admin"
"""The built-in role that holds every permission at this service itself."""

ADMIN_PERMISSIONS = frozenset(OWN_SCOPES.values())

MAX_PERMISSIONS = 500
"""How many permissions one role may have, over all audiences."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What a user holds at one audience, in alphabetical order."""

    roles: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a statement says that a user holds: roles by row id, each with the audience it is limited to or None.

    Those of their groups are among them; `groups` are the groups' names. `version` is that of the registry of roles
    at that moment: what a role amounts to is looked up in a reading that is no older. `bars` say for how long
    whoever mints waits.
    """

    roles: tuple[tuple[UUID, str | None], ...] = ()
    groups: tuple[str, ...] = ()
    version: int = 0
    bars: tuple[Bar, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Held":
        """What `holding.HELD` yields."""
        return cls.of(from_json(text))

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "Held":
        """The same where the text was parsed with all that stood around it."""
        roles = tuple((UUID(role), audience) for role, audience in told["roles"])
        bars = parse_bars(told.get("bars"))
        return cls(roles=roles, groups=tuple(told["groups"]), version=told["version"], bars=bars)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleView:
    """A role as tokens need it: `permissions` by the audience's stored name."""

    name: str
    permissions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    required_acr: str | None = None


@dataclass(frozen=True, slots=True)
class AssignedRole:
    """A role that a user holds; `audience` None is everywhere."""

    role: str
    audience: str | None


@dataclass(frozen=True, slots=True)
class ListedRole:
    """A role with its permissions by the audience's stored name."""

    name: str
    permissions: dict[str, list[str]]
    required_acr: str | None = None


def held(roles: Mapping[UUID, RoleView], assignments: Iterable[tuple[UUID, str | None]], audience: str) -> Holdings:
    """What the assignments (role, and the audience it is limited to or None) amount to at an audience.

    An unlimited role counts at every audience, with the permissions it has at that one. A role that `roles`
    does not hold counts for nothing.
    """
    counting = {role for role, limit in assignments if limit is None or limit == audience}
    views = [roles[role] for role in counting if role in roles]
    permissions = {permission for view in views for permission in view.permissions.get(audience, ())}
    return Holdings(roles=tuple(sorted({view.name for view in views})), permissions=tuple(sorted(permissions)))


def requirements(
    roles: Mapping[UUID, RoleView], assignments: Iterable[tuple[UUID, str | None]], audience: str | None
) -> set[str]:
    """The `acr` that roles ask of their holder at an audience, or at any where it is None."""
    counting = {role for role, limit in assignments if limit is None or audience is None or limit == audience}
    asked = (roles[role].required_acr for role in counting if role in roles)
    return {acr for acr in asked if acr is not None}


def is_role_name(text: str) -> bool:
    """Whether a role could have this name."""
    return _NAME.fullmatch(text) is not None


def check_role_name(text: str) -> None:
    """Refuse a name that a role may not have. Raises InvalidRole."""
    if not is_role_name(text):
        words = "1 to 64 letters, digits or . _ : -, beginning with a letter or digit"
        raise InvalidRole(f"name: {words}.", faults=[("/name", words)])


def check_permission(permission: str, audience: str) -> None:
    """Refuse a permission that is malformed, or that this service itself does not know. Raises InvalidRole."""
    if not is_scope(permission):
        words = '1 to 64 printable characters without space, " or \\'
        raise InvalidRole(f"permission: {words}.", faults=[("/permission", words)])
    if audience == SELF and permission not in ADMIN_PERMISSIONS:
        words = "at this service itself permissions are admin:<noun>:<read|write> or admin:users:impersonate"
        raise InvalidRole(f"permission: {words}.", faults=[("/permission", words)])
