"""Answers of commands: JSON for programs, tables and facts for the eye, with colours on a terminal that takes them."""

import json
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence

from app.cli.terminal import Style, cells, columns, is_watched, printable, style_of, styled

# The columns and facts whose words are good or bad.
_STATES = frozenset({"state", "status", "outcome", "result"})
_GAP = 2
# A column of words that is narrower than this is no longer read; each row becomes a block of lines then.
_LEAST = 16

Row = Sequence[str]


def print_json(value: object) -> None:
    """Print a value as indented JSON. Whatever is no printable character is written as its escape."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    if not all(line.isprintable() for line in text.split("\n")):
        text = "".join(each if each.isprintable() or each == "\n" else json.dumps(each)[1:-1] for each in text)
    print(text)


def print_columns(heads: Row, rows: Iterable[Row]) -> None:
    """Print rows under heads, each column as wide as its widest cell. Nothing is printed without rows.

    On a terminal that is too narrow, columns of words are folded; where that is not enough, each row becomes a block
    with a line for each cell, so that ids stay whole.
    """
    found = [[printable(cell) for cell in row] for row in rows]
    if not found:
        return
    widths = [max(cells(row[n]) for row in [list(heads), *found]) for n in range(len(heads))]
    fitted = _fitted(found, widths, columns()) if is_watched(sys.stdout) else widths
    if fitted is None:
        _print_blocks(heads, found)
        return
    print(_line([_styled(head, Style.HEAD) for head in heads], heads, fitted))
    for row in found:
        for line in _folded(row, widths, fitted):
            print(_line([_coloured(head, cell) for head, cell in zip(heads, line, strict=True)], line, fitted))


def print_facts(facts: Iterable[tuple[str, object]], *, width: int) -> None:
    """Print what one thing is like, a fact a line, the names of the facts in `width` places."""
    for name, value in facts:
        text = printable(str(value))
        print(f"{_styled(name, Style.NAME)}{' ' * max(width - cells(name), 0)} {_coloured(name, text)}")


def print_done(words: str, values: Mapping[str, object], *, as_json: bool) -> None:
    """Print that something was done: in words, or its values as JSON."""
    if as_json:
        print_json(values)
    else:
        print(printable(words))


def print_verdict(words: str, *, good: bool) -> None:
    """Print in words whether all is well."""
    print(_styled(printable(words), Style.GOOD if good else Style.BAD))


def _fitted(rows: Sequence[Row], widths: Sequence[int], room: int) -> list[int] | None:
    """Widths that fit into `room`; None where they cannot without breaking an id."""
    if sum(widths) + _GAP * (len(widths) - 1) <= room:
        return list(widths)
    folding = [n for n in range(len(widths)) if any(" " in row[n] for row in rows)]
    left = room - _GAP * (len(widths) - 1) - sum(width for n, width in enumerate(widths) if n not in folding)
    fitted = list(widths)
    # The narrow ones first: what they do not need is the others'.
    for place, n in enumerate(sorted(folding, key=lambda n: widths[n])):
        fitted[n] = min(widths[n], left // (len(folding) - place))
        if fitted[n] < min(widths[n], _LEAST):
            return None
        left -= fitted[n]
    return fitted if left >= 0 else None


def _folded(row: Row, widths: Sequence[int], fitted: Sequence[int]) -> Iterable[Row]:
    """The lines of a row: several where a cell is longer than its column."""
    parts = [
        textwrap.wrap(cell, fit, break_on_hyphens=False) or [""] if fit < width else [cell]
        for cell, width, fit in zip(row, widths, fitted, strict=True)
    ]
    for number in range(max(map(len, parts))):
        yield [part[number] if number < len(part) else "" for part in parts]


def _line(shown: Row, plain: Row, widths: Sequence[int]) -> str:
    padded = (text + " " * (width - cells(cell)) for text, cell, width in zip(shown, plain, widths, strict=True))
    return (" " * _GAP).join(padded).rstrip()


def _print_blocks(heads: Row, rows: Sequence[Row]) -> None:
    width = max(map(cells, heads))
    for number, row in enumerate(rows):
        if number:
            print()
        print_facts(zip(heads, row, strict=True), width=width)


def _styled(text: str, style: Style | None) -> str:
    return styled(text, style, sys.stdout)


def _coloured(head: str, cell: str) -> str:
    return _styled(cell, style_of(cell) if head.casefold() in _STATES else None)
