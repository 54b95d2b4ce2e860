"""What changes, in words."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Action(StrEnum):
    """What is done with a thing. What is owned, not in the document and not to be removed is left."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    LEAVE = "leave"


_SIGNS = {Action.CREATE: "+", Action.UPDATE: "~", Action.DELETE: "-", Action.LEAVE: "."}


@dataclass(frozen=True, slots=True)
class Change:
    """What is done with one thing, and which of its parts differ, each in one line."""

    action: Action
    kind: str
    name: str
    parts: tuple[str, ...] = ()

    @property
    def changes_something(self) -> bool:
        """Whether anything is other than before."""
        return self.action is not Action.LEAVE

    def lines(self) -> Iterator[str]:
        """The change for the eye."""
        note = "  (made by a configuration, not in this one; --prune removes it)" if self.action is Action.LEAVE else ""
        yield f"{_SIGNS[self.action]} {self.kind} {self.name}{note}"
        for part in self.parts:
            yield f"    {part}"

    def as_json(self) -> dict[str, object]:
        """The change for programs."""
        return {"action": self.action.value, "kind": self.kind, "name": self.name, "parts": list(self.parts)}


def differences(before: Mapping[str, Any], after: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Which parts of a thing differ, each in one line."""
    for name in sorted({*before, *after}):
        old, new, here = before.get(name), after.get(name), f"{path}{name}"
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            yield from differences(old, new, f"{here}.")
        elif isinstance(old or [], list) and isinstance(new or [], list) and (old or new):
            gone = [f"-{_shown(item)}" for item in old or [] if item not in (new or [])]
            come = [f"+{_shown(item)}" for item in new or [] if item not in (old or [])]
            yield f"{here}: {' '.join([*gone, *come])}"
        else:
            yield f"{here}: {_shown(old)} -> {_shown(new)}"


def _shown(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case str():
            # The terminal must not obey what a document says.
            return value if value.isprintable() else repr(value)
        case dict():
            return "/".join(f"{name}={_shown(part)}" for name, part in value.items() if part is not None)
        case _:
            return str(value)
