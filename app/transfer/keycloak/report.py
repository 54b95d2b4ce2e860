"""What became of a realm."""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

MAX_LOSSES = 10_000


class Loss(NamedTuple):
    """Something that did not come along: of what kind it is, whose, and why."""

    kind: str
    name: str
    why: str


class MovedClient(NamedTuple):
    """A client under its new id, and its secret, which is shown once; None for a public one."""

    name: str
    client_id: str
    client_secret: str | None


@dataclass(slots=True)
class Report:
    """Counts of what was done, and everything that was not."""

    dry_run: bool
    made: Counter[str] = field(default_factory=Counter)
    present: Counter[str] = field(default_factory=Counter)
    losses: list[Loss] = field(default_factory=list)
    lost: Counter[str] = field(default_factory=Counter)
    clients: list[MovedClient] = field(default_factory=list)

    def lose(self, kind: str, name: str, why: str) -> None:
        """Note a loss; beyond ten thousand they are only counted."""
        self.lost[kind] += 1
        if len(self.losses) < MAX_LOSSES:
            self.losses.append(Loss(kind, name, why))
