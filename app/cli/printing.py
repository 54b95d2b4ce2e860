"""Answers of commands: JSON, or columns for the eye."""

import json
from collections.abc import Iterable, Sequence


def print_json(value: object) -> None:
    """Print a value as indented JSON."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_columns(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows under heads, each column as wide as its widest cell. Nothing is printed without rows."""
    cells = [list(row) for row in rows]
    if not cells:
        return
    widths = [max(len(row[n]) for row in [list(heads), *cells]) for n in range(len(heads))]
    for row in [list(heads), *cells]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
