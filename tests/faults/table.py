"""The figures of every drill that ran, as one table at the end of `make drills`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import pytest

PROPERTY = "drill"
COLUMNS = ("drill", "requests", "lost", "doubled", "errors", "first success", "seconds", "outcome")
# What the drill that runs at present has found. A drill may report more than once.
_found: list[dict[str, str]] = []


def note(drill: str, **figures: object) -> None:
    """Put a line into the table; what is left out shows as a dash."""
    _found.append({"drill": drill, **{name.replace("_", " "): str(figure) for name, figure in figures.items()}})


def take() -> list[dict[str, str]]:
    """What was noted since the last call."""
    taken = list(_found)
    _found.clear()
    return taken


def lines(reports: Iterable[pytest.TestReport]) -> Iterator[Mapping[str, str]]:
    """A line for each drill that ran: with its figures, or its name alone where it counts other things."""
    calls: dict[str, pytest.TestReport] = {}
    noted: dict[str, list[dict[str, str]]] = {}
    for report in reports:
        if report.when == "call":
            calls[report.nodeid] = report
        found = [value for name, value in report.user_properties if name == PROPERTY]
        if found:
            noted[report.nodeid] = [line for value in found for line in value]
    for nodeid, call in calls.items():
        name = nodeid.rpartition("::")[2].removeprefix("test_").replace("_", " ")
        for line in noted.get(nodeid) or [{"drill": name}]:
            yield {"seconds": f"{call.duration:.0f}", "outcome": call.outcome} | line


def table(found: Sequence[Mapping[str, str]]) -> list[str]:
    """As text, in columns."""
    rows = [COLUMNS, *(tuple(line.get(column, "-") for column in COLUMNS) for line in found)]
    widths = [max(len(row[index]) for row in rows) for index in range(len(COLUMNS))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
