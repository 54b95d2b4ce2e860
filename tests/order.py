"""In which order the tests of a parallel run go: what takes long begins, and the quick ones fill up the end.

xdist gives each worker a stretch of the list, and who is done takes from the ends of the others' stretches. So each
stretch begins with some of what takes long, and no worker comes to it last while the others have nothing left to do.
"""

from collections.abc import Sequence
from typing import Protocol, TypeVar

# Folders and files with what they take, in seconds, roughly: only their proportions matter, and no harm is done where
# they are wrong. A folder goes in one piece: the drills load the machine, and its tests share what they start.
LONG: dict[str, int] = {
    "tests/faults/": 450,
    "tests/docs/": 250,
    "tests/cli/": 200,
    "tests/interop/": 150,
    "tests/browser/": 120,
    "tests/openapi/": 60,
    "tests/telemetry/": 40,
    "tests/revocation/": 60,
    "tests/signals/": 60,
    "tests/brokering/": 60,
    "tests/bench/": 30,
    "tests/tools/": 30,
}


class Named(Protocol):
    """A test."""

    @property
    def nodeid(self) -> str:
        """Its file and name."""


Item = TypeVar("Item", bound=Named)


def arranged(items: Sequence[Item], workers: int) -> list[Item]:
    """The same tests for so many workers, each of whom xdist gives an equal stretch."""
    groups: dict[str, list[Item]] = {}
    for item in items:
        groups.setdefault(next((path for path in LONG if item.nodeid.startswith(path)), ""), []).append(item)
    quick = groups.pop("", [])
    shares: list[list[Item]] = [[] for _ in range(workers)]
    taken = [0] * workers
    for path in sorted(groups, key=lambda path: -LONG[path]):
        lightest = taken.index(min(taken))
        taken[lightest] += LONG[path]
        shares[lightest] += groups[path]
    result: list[Item] = []
    for number, share in enumerate(shares):
        room = (len(items) - len(result)) // (workers - number) - len(share)
        # What is in the last stretch is begun last where there is no room: nothing is lost.
        result += share + quick[: max(0, room)]
        del quick[: max(0, room)]
    return result + quick
