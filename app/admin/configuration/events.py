"""What happens to the configuration as a whole."""

from dataclasses import dataclass
from typing import ClassVar

from app.audit.event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationApplied(Event):
    """A document was brought about; each change of it has an event of its own beside this one."""

    type: ClassVar[str] = "configuration.applied"

    created: int
    updated: int
    deleted: int
