"""How far a long work has come, for whoever looks at the terminal meanwhile."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from app.cli.terminal import is_watched


class Progress:
    """A bar on standard error, or nothing where nobody looks."""

    def __init__(self, bar: Any = None) -> None:
        # The package keeps the bar's type to itself.
        self._bar = bar

    def advance(self, steps: int) -> None:
        """So much more is done."""
        if self._bar is not None:
            self._bar.update(steps)

    def reach(self, done: int, total: int) -> None:
        """So much of so much is done."""
        if self._bar is not None:
            self._bar.length = max(total, 1)
            self._bar.update(done - self._bar.pos)

    def at(self, label: str) -> None:
        """What is worked on now."""
        if self._bar is not None:
            self._bar.label = label


@contextmanager
def progress(label: str, *, total: int | None = None, beside_output: bool = False) -> Iterator[Progress]:
    """Show a bar while the block runs, where standard error is a terminal; a count where the total is not known.

    `beside_output`: the work writes its data to standard output, where a bar would stand in their midst if that is
    the terminal too.
    """
    if not is_watched(sys.stderr) or os.environ.get("TERM") == "dumb" or (beside_output and is_watched(sys.stdout)):
        yield Progress()
        return
    known = {"length": max(total, 1)} if total is not None else {"iterable": (None for _ in ()), "show_pos": True}
    with typer.progressbar(label=label, file=sys.stderr, **known) as bar:
        yield Progress(bar)
