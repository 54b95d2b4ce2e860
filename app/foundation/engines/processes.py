"""Starting, watching and ending child processes: the engines, and the services of a development instance.

Each child is the leader of a session of its own, so that Ctrl-C at the terminal reaches the parent alone, which
then stops its children in order. The kernel ends them if the parent dies without doing so (PR_SET_PDEATHSIG).
The kernel counts the *thread* that started a process as its parent: children are started from the main thread.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from app.foundation.engines.errors import EngineError, tail, unusable
from app.foundation.engines.privileges import Form, Identity

_PR_SET_PDEATHSIG = 1
_POLL_SECONDS = 0.005
_MAX_LOG_BYTES = 1_000_000
_PRIVATE, _INHERITED = 0o077, -1
_libc = ctypes.CDLL(None, use_errno=True)

Steps = Sequence[tuple[signal.Signals, float]]
"""Signals to end a process with, each with the seconds to wait before the next."""


def run(identity: Identity, arguments: Sequence[str | Path], *, timeout_seconds: float = 60) -> str:
    """Run a program to its end and return what it printed. Raises EngineError with the cause when it fails.

    Nothing of it is left when we are interrupted: it is killed with all that it started.
    """
    with _popen(
        identity, arguments, output=subprocess.PIPE, death_signal=signal.SIGKILL, environment=_environment()
    ) as process:
        try:
            output, _ = process.communicate(timeout=timeout_seconds)
        except BaseException as error:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                raise unusable(f"{arguments[0]} did not end within {timeout_seconds:g} s.") from error
            raise
    text: str = output.decode(errors="replace")
    if process.returncode != 0:
        said = "\n".join(f"  {line}" for line in text.splitlines()[-8:])
        raise unusable(f"{arguments[0]} failed ({_describe(process.returncode)}):\n{said}")
    return text


class Child:
    """One running child.

    `log` receives what it prints; one of more than a megabyte is put aside at the start. Without a log it prints
    where we do. `environment` is all that it gets; without one it gets what an engine needs. `pass_files` are
    descriptors that it inherits.
    """

    def __init__(
        self,
        name: str,
        identity: Identity,
        arguments: Sequence[str | Path],
        *,
        log: Path | None,
        stop: Steps,
        environment: Mapping[str, str] | None = None,
        folder: Path = Path("/"),
        pass_files: Sequence[int] = (),
    ) -> None:
        self.name = name
        self._log = log
        self._stop = stop
        self._asked = False
        self._log_start = 0
        with contextlib.ExitStack() as stack:
            output = None
            if log is not None:
                _rotate(log)
                descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
                output = stack.enter_context(os.fdopen(descriptor, "ab"))
                self._log_start = output.seek(0, os.SEEK_END)
            self._process = _popen(
                identity,
                arguments,
                output=output,
                death_signal=stop[0][0],
                environment=_environment() if environment is None else environment,
                # Only engines keep data in files; a program of ours may leave bytecode that others read too.
                umask=_PRIVATE if environment is None else _INHERITED,
                folder=folder,
                pass_files=pass_files,
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def last_words(self) -> str:
        """How it ended and what it said last, for a message."""
        state = _describe(self._process.returncode) if self._process.poll() is not None else "no answer in time"
        if self._log is None:
            return f"{self.name} does not run ({state})"
        said = tail(self._log, since_bytes=self._log_start) or "  (it said nothing)"
        return f"{self.name} does not run ({state}). It said, in {self._log}:\n{said}"

    def failure(self) -> EngineError:
        """The error for an engine that ended."""
        return unusable(self.last_words())

    def wait_until(self, is_ready: Callable[[], bool], *, timeout_seconds: float) -> None:
        """Ask every few milliseconds until it is ready. Raises EngineError when it ended or the time is over."""
        deadline = time.monotonic() + timeout_seconds
        while not is_ready():
            if not self.is_running or time.monotonic() > deadline:
                raise self.failure()
            time.sleep(_POLL_SECONDS)

    def wait(self, timeout_seconds: float) -> int | None:
        """Wait for it to end by itself and return its exit code; None when the time is over."""
        try:
            return self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            return None

    def send(self, number: signal.Signals) -> None:
        """Send a signal, if it runs."""
        if self.is_running:
            self._process.send_signal(number)

    def ask_to_stop(self) -> None:
        """Send the first of the stop signals and return at once."""
        if self.is_running and not self._asked:
            self._process.send_signal(self._stop[0][0])
            self._asked = True

    def stop(self) -> None:
        """End the process, politely first, and wait until it has ended."""
        self.ask_to_stop()
        for place, (number, seconds) in enumerate(self._stop):
            if place:
                self._process.send_signal(number)
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                continue
            return
        raise self.failure()


def end_orphan(pid: int, folder: Path, steps: Steps) -> None:
    """End an engine whose parent died, provided that `pid` is still a process that works on `folder`."""
    for number, seconds in steps:
        if not runs_on(pid, folder):
            return
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and runs_on(pid, folder):
            time.sleep(_POLL_SECONDS)


def runs_on(pid: int, folder: Path) -> bool:
    """Whether a process is alive and was started for `folder`; a zombie and a stranger with a reused id are not."""
    inside = f"{folder}{os.sep}"
    return any(part == str(folder) or part.startswith(inside) for part in _command_line(pid))


def _command_line(pid: int) -> list[str]:
    if Path("/proc/self/cmdline").exists():
        try:
            return [os.fsdecode(part) for part in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")]
        except OSError:
            return []
    command = ["/bin/ps", "-o", "args=", "-p", str(pid)]
    listed = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 — a number
    return os.fsdecode(listed.stdout).split()


def _popen(
    identity: Identity,
    arguments: Sequence[str | Path],
    *,
    output: object,
    death_signal: signal.Signals,
    environment: Mapping[str, str],
    umask: int = _PRIVATE,
    folder: Path = Path("/"),
    pass_files: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    if threading.current_thread() is not threading.main_thread():
        # The child would be told to end when this thread ends.
        raise RuntimeError("children are started from the main thread")
    parent = os.getpid()

    def prepare() -> None:
        identity.assume()
        if sys.platform == "linux":
            # After every change of identity, because the kernel forgets the setting at each.
            _libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

    other = {"user": identity.uid, "group": identity.gid, "extra_groups": []} if identity.form is Form.NOBODY else {}
    try:
        # Typed by hand: the stubs cannot see that `other` holds three optional keywords.
        started: subprocess.Popen[bytes] = subprocess.Popen(  # type: ignore[call-overload]  # noqa: S603 — our arguments
            [os.fspath(part) for part in arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if output is not None else None,
            cwd=folder,
            env=environment,
            pass_fds=pass_files,
            umask=umask,
            start_new_session=True,
            preexec_fn=prepare,  # noqa: PLW1509 — we stand in the main thread and allocate nothing that locks
            **other,
        )
    except FileNotFoundError as error:
        raise unusable(_not_found(Path(arguments[0]))) from error
    except PermissionError as error:
        raise unusable(_forbidden(Path(arguments[0]), identity)) from error
    except (OSError, subprocess.SubprocessError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise unusable(f"{arguments[0]} cannot be run here: {reason}.") from error
    return started


def _environment() -> dict[str, str]:
    """What the engines need and no more: a PGDATA or PGOPTIONS of the caller must not reach them."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "TMPDIR") if name in os.environ}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


def _not_found(program: Path) -> str:
    if not program.exists():
        return f"{program} does not exist."
    return f"{program} cannot be run here: it was built for another system or another C library."


def _forbidden(program: Path, identity: Identity) -> str:
    if identity.form is Form.OURSELVES:
        return f"{program} may not be executed: permission denied."
    return (
        f"{program} may not be executed without root's powers, and PostgreSQL refuses to run with them: a folder "
        "on the way belongs to another user. Run as that user."
    )


def _rotate(log: Path) -> None:
    if log.exists() and log.stat().st_size > _MAX_LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))


def _describe(code: int) -> str:
    return f"ended by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
