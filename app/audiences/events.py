"""What happens to audiences."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from app.audit.event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class AudienceCreated(Event):
    """An audience was registered. `definition` has the form of the setting."""

    type: ClassVar[str] = "audience.created"

    audience: str
    definition: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class AudienceUpdated(Event):
    """An audience was given another definition: `before` and `definition`."""

    type: ClassVar[str] = "audience.updated"

    audience: str
    before: Mapping[str, object]
    definition: Mapping[str, object]
