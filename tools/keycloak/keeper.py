"""A program that several processes share, and that ends with the last of them."""

import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

# The program is a child of this shell, which waits until nobody holds the pipe open any more: the kernel closes it for
# whoever is killed. Then the whole group goes at once; there is nothing in the program that should be kept.
_KEEPER = '("$@"; kill -TERM $$) & cat < "$HELD" > /dev/null; rm -rf "$FOLDER"; kill -KILL 0'


def start(folder: Path, command: Sequence[str], names: Mapping[str, str]) -> tuple[int, int]:
    """Start a program in a session of its own; a hold on it, a descriptor to be closed, and the id of its keeper.

    Its output goes to `log` in `folder`, which is removed with it. `names` is its environment.
    """
    os.mkfifo(folder / "held")
    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    try:
        process = os.posix_spawn(
            "/bin/sh",
            ("sh", "-c", _KEEPER, "sh", *command),
            dict(names) | {"HELD": str(folder / "held"), "FOLDER": str(folder)},
            file_actions=(
                (os.POSIX_SPAWN_DUP2, nothing, 0),
                (os.POSIX_SPAWN_DUP2, log, 1),
                (os.POSIX_SPAWN_DUP2, log, 2),
            ),
            setsid=True,
            setsigmask=(),
            setsigdef=(signal.SIGTERM, signal.SIGINT),
        )
    finally:
        os.close(log)
        os.close(nothing)
    # Waits for the shell to open the other end.
    return os.open(folder / "held", os.O_WRONLY), process


def join(folder: Path) -> int | None:
    """A hold on the program that runs in this folder; None where none does."""
    try:
        return os.open(folder / "held", os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return None
