"""Run an installer that says nothing unless it fails."""

import subprocess
from pathlib import Path

from tools.install import environment

_MAX_SECONDS = 600


class CommandFailed(Exception):
    """The program cannot be run, or failed. The message says why."""


def quietly(program: str | Path, *arguments: str, name: str, cwd: Path | None = None) -> None:
    """Run a program by its arguments, of which the first is the subcommand. Raises CommandFailed."""
    try:
        done = subprocess.run(
            [str(program), *arguments],
            cwd=cwd,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=_MAX_SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CommandFailed(f"{name} does not run: {error}") from error
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["(it said nothing)"]
        raise CommandFailed(f"{name} {arguments[0]}: {lines[-1].strip()}")
