"""Importing a library without what it brings along for uses that are not ours.

Some libraries look at import whether another one is installed, and take all of it in where it is: megabytes in every
web process, and a tenth of a second of its start. They serve just as well without.
"""

import contextlib
import sys
from collections.abc import Iterator
from types import ModuleType


@contextlib.contextmanager
def without(name: str) -> Iterator[None]:
    """Have imports in this block find no module of this name. Afterwards it can be imported as ever."""
    # The import system's own way to say that a module is not there.
    modules: dict[str, ModuleType | None] = sys.modules  # type: ignore[assignment]
    is_known = name in modules
    before = modules.get(name)
    modules[name] = None
    try:
        yield
    finally:
        if is_known:
            modules[name] = before
        else:
            del modules[name]
