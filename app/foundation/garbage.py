"""When Python looks for garbage: not while a program is imported, and never again in what that left behind.

Nearly all that a request makes is gone with its last reference; the collector is for the few things that refer to each
other. Left to itself it walks the quarter of a million objects of the imports again and again, and finds nothing.
"""

import contextlib
import gc
from collections.abc import Iterator

# Young objects are looked through after so many more were made than freed, instead of after 700.
THRESHOLD = 10_000


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Look for no garbage in this block: imports and the building of routes make next to none."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def settle() -> None:
    """Leave all that exists now out of every later look: the process has started, and keeps it for good."""
    gc.freeze()
    gc.set_threshold(THRESHOLD)
