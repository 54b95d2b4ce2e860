"""Child processes: pinned to a core, measured by the kernel, gone when the bench is."""

import contextlib
import ctypes
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

PROJECT = Path(__file__).parents[1]
SERVER_CORE, LOAD_CORE = 0, 1
"""The process under test has a core to itself; the load, the database and this process share the other."""

_TICKS = os.sysconf("SC_CLK_TCK")
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class BenchError(Exception):
    """A figure could not be taken. The message says why."""


def pin(core: int | None) -> None:
    """Keep this thread, and whatever it starts from now on, on one core; None means all of them."""
    os.sched_setaffinity(0, range(os.cpu_count() or 1) if core is None else {core})


class Process:
    """One running child. What it prints goes to `log`, unless `talks`: then `stdin` and `stdout` are pipes."""

    def __init__(
        self, command: Sequence[str], *, core: int | None, folder: Path, env: dict[str, str], talks: bool = False
    ) -> None:
        parent = os.getpid()

        def prepare() -> None:
            # The kernel ends the child with us, however we end.
            _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
            pin(core)
            if os.getppid() != parent:
                os._exit(1)

        self._log = folder / f"{Path(command[-1]).name.replace(':', '.')}-{time.monotonic_ns()}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env=env,
                stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
                stdout=subprocess.PIPE if talks else log,
                stderr=log,
                start_new_session=True,
                preexec_fn=prepare,  # noqa: PLW1509 — we have one thread
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def ask(self, line: str) -> str:
        """Send a line and wait for one in return. Raises BenchError when the child ended instead."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()
        return self.read_line()

    def read_line(self) -> str:
        """The next line the child prints. Raises BenchError when it ended instead."""
        assert self._process.stdout is not None
        answer = self._process.stdout.readline()
        if not answer:
            self._process.wait(10)
            raise BenchError(f"a process ended:\n{self.last_words()}")
        return answer.decode()

    def wait_until(self, is_ready: Callable[[], bool], *, seconds: float = 30) -> None:
        """Poll until it is ready. Raises BenchError when it ended, or is not after `seconds`."""
        deadline = time.monotonic() + seconds
        while not is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise BenchError(f"{self._process.args!r} did not start:\n{self.last_words()}")
            time.sleep(0.02)

    def wait(self, seconds: float) -> int:
        """Wait for its end and return its exit code. Raises BenchError."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise BenchError(f"{self._process.args!r} did not end:\n{self.last_words()}") from None

    def last_words(self) -> str:
        return self._log.read_text(errors="replace")[-2000:] or "(it said nothing)"

    def stop(self) -> None:
        """End it: politely, then not."""
        for number, seconds in ((signal.SIGTERM, 20), (signal.SIGKILL, 5)):
            if self._process.poll() is None:
                self._process.send_signal(number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(seconds)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


@contextlib.contextmanager
def running(
    command: Sequence[str], *, core: int | None, folder: Path, env: dict[str, str] | None = None, talks: bool = False
) -> Iterator[Process]:
    """A child for the time of a block."""
    process = Process(command, core=core, folder=folder, env=environment(env), talks=talks)
    try:
        yield process
    finally:
        process.stop()


def environment(extra: dict[str, str] | None = None) -> dict[str, str]:
    """What every child gets: nothing of ours that could change what is measured."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return kept | {"PYTHONPATH": str(PROJECT)} | (extra or {})


def python(*arguments: str, interpreter: Path | None = None) -> list[str]:
    """A command for this interpreter, or for another environment's."""
    return [str(interpreter or sys.executable), "-P", *arguments]


def cpu_seconds(root: int) -> float:
    """User and system time of a process and all that it started, also of those that have ended."""
    ticks = 0
    for pid in tree(root):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(int(field) for field in fields[11:15])
    return ticks / _TICKS


def tree(root: int) -> list[int]:
    """A process and its descendants."""
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{pid}/task").iterdir():
                waiting += [int(child) for child in (task / "children").read_text().split()]
    return found


def memory_mib(pid: int) -> tuple[float, float]:
    """Resident memory of one process, and its share of it (pages used by several processes are divided)."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    sizes = dict(re.findall(r"(?m)^(Rss|Pss):\s+(\d+) kB", text))
    return int(sizes["Rss"]) / 1024, int(sizes["Pss"]) / 1024
