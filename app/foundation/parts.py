"""The services of one group of features, handed about together."""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The services of one group of features, as a module of the wiring builds them. A subclass adds its own fields."""

    def each(self) -> tuple[object, ...]:
        """Every service of the group, for `provide`."""
        return tuple(getattr(self, item.name) for item in fields(self))
