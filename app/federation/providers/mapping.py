"""From what a provider says of somebody to what they hold here: pure rules.

A rule gives for one value of one claim, and for nothing else: no role or group here is ever met by having the name of
one there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from app.federation.connector import Rule

MAX_PARTS = 16
"""How many members deep a path leads."""
MAX_VALUES = 10_000
"""How many values of one claim are looked at: a directory may put somebody into thousands of groups."""

HeldRole = tuple[str | None, str]
"""An audience, None for all, and a role."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Roles and groups that rules give."""

    roles: frozenset[HeldRole] = frozenset()
    groups: frozenset[str] = frozenset()

    def as_json(self) -> dict[str, Any]:
        """The form in which an identity keeps them."""
        roles = sorted(([audience, role] for audience, role in self.roles), key=str)
        return {"roles": roles, "groups": sorted(self.groups)}

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Self:
        """What an identity keeps; nothing of one that is new."""
        roles = frozenset((audience, role) for audience, role in kept.get("roles", ()))
        return cls(roles=roles, groups=frozenset(kept.get("groups", ())))


def map_claims(claims: Mapping[str, Any], rules: Sequence[Rule]) -> Given:
    """What somebody with these claims is given by these rules.

    Rules only add to each other: what one gives no other takes. A claim that is missing gives nothing.
    """
    held = [rule for rule in rules if has_value(claims, rule.claim, rule.value)]
    return Given(
        roles=frozenset(role for rule in held for role in rule.roles),
        groups=frozenset(group for rule in held for group in rule.groups),
    )


def has_value(claims: Mapping[str, Any], path: str, value: str) -> bool:
    """Whether the claim at this path is this value, or a list with it. Compared exactly, case included.

    Of a list each element counts, as SAML's attributes are lists; numbers and truth values count as JSON writes them.
    An object never counts, nor does a word within a text: `a b` is not `a`.
    """
    return any(
        _text(one) == value for found in find(claims, path) for one in _elements(found) if _text(one) is not None
    )


def find(claims: Mapping[str, Any], path: str) -> Iterator[Any]:
    """What stands at a path: `realm_access.roles`, `https://corp.example/groups`, `resource_access.my.app.roles`.

    Names may hold dots themselves (Auth0's are addresses, a client of Keycloak's may be called `my.app`), so a path
    is not split beforehand: at each object a name that the whole rest spells goes before one that a part of it does,
    and a longer part before a shorter one. The first that leads to anything counts, so there is at most one.
    """
    found = _first(claims, path, MAX_PARTS)
    if found is not _NOTHING:
        yield found


_NOTHING = object()


def _first(here: Any, path: str, parts: int) -> Any:
    if not isinstance(here, Mapping) or parts == 0:
        return _NOTHING
    if path in here:
        return here[path]
    dot = path.rfind(".")
    while dot > 0:
        inner = here.get(path[:dot])
        if isinstance(inner, Mapping):
            found = _first(inner, path[dot + 1 :], parts - 1)
            if found is not _NOTHING:
                return found
        dot = path.rfind(".", 0, dot)
    return _NOTHING


def _elements(found: Any) -> Sequence[Any]:
    if isinstance(found, list | tuple):
        return found[:MAX_VALUES]
    return (found,)


def _text(value: Any) -> str | None:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case int():
            return str(value)
        case _:
            return None
