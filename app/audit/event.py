"""What a feature says happened."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import ClassVar

from app.foundation.origin import Origin


class Outcome(StrEnum):
    """Whether what was asked was done."""

    SUCCESS = "success"
    REFUSED = "refused"


class ActorKind(StrEnum):
    """Who can act."""

    USER = "user"
    CLIENT = "client"
    API_KEY = "api_key"
    OPERATOR = "operator"
    SYSTEM = "system"
    ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acted; `id` is a subject, a client id, or the name of the operator's account on the host."""

    kind: ActorKind
    id: str | None = None


ANONYMOUS = Actor(ActorKind.ANONYMOUS)
SYSTEM = Actor(ActorKind.SYSTEM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The base of every feature's events. A subclass names its `type` and adds its own fields as details.

    `subject` is the `sub` of the person or client it happened to. Details are JSON values and never secrets.
    """

    type: ClassVar[str]
    outcome: ClassVar[Outcome] = Outcome.SUCCESS

    actor: Actor
    origin: Origin
    subject: str | None = None

    def details(self) -> Mapping[str, object]:
        """The fields that the subclass added and that are set."""
        return {name: value for name in _own_fields(type(self)) if (value := getattr(self, name)) is not None}


# Asked for each event, and the same for each of its kind.
_OWN_FIELDS: dict[type[Event], tuple[str, ...]] = {}


def _own_fields(kind: type[Event]) -> tuple[str, ...]:
    known = _OWN_FIELDS.get(kind)
    if known is None:
        known = tuple(item.name for item in fields(kind) if item.name not in {"actor", "origin", "subject"})
        _OWN_FIELDS[kind] = known
    return known
