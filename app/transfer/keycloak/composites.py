"""Roles that bring others along: what a holder of one holds in all."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Held = tuple[str | None, str]
"""A role: the client whose it is, None for one of the realm, and its name."""


class Composites:
    """What a realm's export says of roles within roles. `roles` is its member of that name."""

    def __init__(self, roles: Mapping[str, Any] | None = None) -> None:
        known = roles or {}
        self._parts: dict[Held, list[Held]] = {}
        for client, found in [(None, known.get("realm") or ()), *(known.get("client") or {}).items()]:
            for role in found:
                self._parts[client, str(role.get("name"))] = [*parts_of(role)]

    def held(self, given: Iterable[Held]) -> Iterator[Held]:
        """What was given and everything that it brings along, each once."""
        waiting, seen = list(given), set()
        while waiting:
            role = waiting.pop(0)
            if role not in seen:
                seen.add(role)
                waiting += self._parts.get(role, ())
                yield role


def held_directly(holder: Mapping[str, Any]) -> Iterator[Held]:
    """The roles that stand beside a user or a group."""
    yield from ((None, str(role)) for role in holder.get("realmRoles") or ())
    for client, roles in (holder.get("clientRoles") or {}).items():
        yield from ((client, str(role)) for role in roles)


def parts_of(role: Mapping[str, Any]) -> Iterator[Held]:
    """The roles that a role names as its own parts."""
    parts = role.get("composites") or {}
    yield from ((None, str(name)) for name in parts.get("realm") or ())
    for client, names in (parts.get("client") or {}).items():
        yield from ((client, str(name)) for name in names)
