"""Several web processes behind one listening socket.

The socket belongs to the supervisor, so that no connection is refused while a worker is replaced: it waits in the
socket's queue. Workers are programs of their own, not forks, and end with the supervisor however that ends.
"""

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

from app.cli.data_folder import PROJECT
from app.foundation.engines.errors import EngineError
from app.foundation.engines.privileges import Identity
from app.foundation.engines.processes import Child
from app.foundation.exposition import SharedMetrics

_WATCH_SECONDS = 0.05
# A worker that dies younger than this is started again ever later; an older one at once.
_YOUNG_SECONDS = 5.0
# One that has lived so long could start. A start that fails may take most of it: on a busy machine, against a
# database that does not answer.
_PROVED_SECONDS = 60.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.2, 5.0
# When none ever lived longer, something is wrong that trying again does not mend.
_TRIES = 3


class Worker:
    """One place among the workers, and the process that fills it at the moment. `bury` hears whose process ended."""

    def __init__(self, name: str, start: Callable[[str], Child], bury: Callable[[int], None]) -> None:
        self._name = name
        self._start = start
        self._bury = bury
        self._starts_at = 0.0
        self._started_at = 0.0
        self._pause = _FIRST_PAUSE_SECONDS
        self.child: Child | None = None
        self.early_deaths = 0

    def look_after(self, now: float) -> None:
        """Start the process if none runs and it is time to."""
        if self.child is not None and self.child.is_running:
            return
        if self.child is not None:
            self._note_death(now)
        if now >= self._starts_at:
            self.child, self._started_at = self._start(self._name), now

    def has_proved(self, now: float) -> bool:
        """Whether the process has lived long enough to show that it can."""
        return self.child is not None and self.child.is_running and now - self._started_at > _PROVED_SECONDS

    def _note_death(self, now: float) -> None:
        assert self.child is not None  # noqa: S101 — the caller has looked
        print(f"warning: {self.child.last_words()}: starting another", file=sys.stderr, flush=True)
        age, status = now - self._started_at, self.child.wait(0)
        self._bury(self.child.pid)
        self.child = None
        # Below zero it is a signal: somebody killed it. A status of its own says that it could not go on.
        gave_up = status is not None and status > 0 and age <= _PROVED_SECONDS
        if age > _YOUNG_SECONDS and not gave_up:
            self._pause, self._starts_at = _FIRST_PAUSE_SECONDS, now
            return
        self.early_deaths += 1
        self._starts_at = now + self._pause
        self._pause = min(self._pause * 2, _LONGEST_PAUSE_SECONDS)


class Workers:
    """Runs `count` workers of `command`, which takes the number of the listening descriptor as its last argument.

    Where `metrics` are shown, the workers take part in them.
    """

    def __init__(
        self,
        command: Sequence[str],
        listener: socket.socket,
        *,
        count: int,
        stop_seconds: float,
        metrics: SharedMetrics | None = None,
    ) -> None:
        self._command = command
        self._listener = listener
        self._stop = ((signal.SIGTERM, stop_seconds), (signal.SIGKILL, 5.0))
        self._metrics = metrics
        self._workers = [Worker(f"worker {number}", self._start, self._bury) for number in range(1, count + 1)]
        self._signals = 0

    def run(self) -> None:
        """Keep the workers running until SIGTERM or SIGINT, then let them drain; a further signal hastens them.

        Raises EngineError when no worker can live.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._note_signal)
        has_proved = False
        try:
            while not self._signals:
                now = time.monotonic()
                has_proved = has_proved or any(worker.has_proved(now) for worker in self._workers)
                if not has_proved and all(worker.early_deaths >= _TRIES for worker in self._workers):
                    raise EngineError("No web process can start; each has said why above.")
                for worker in self._workers:
                    worker.look_after(now)
                time.sleep(_WATCH_SECONDS)
        finally:
            self._drain()

    def _drain(self) -> None:
        children = [worker.child for worker in self._workers if worker.child is not None]
        for child in children:
            child.ask_to_stop()
        forwarded = 1
        while any(child.is_running for child in children) and forwarded <= self._signals:
            time.sleep(_WATCH_SECONDS)
            if self._signals > forwarded:
                forwarded += 1
                for child in children:
                    child.send(signal.SIGTERM)
        for child in children:
            child.stop()

    def _start(self, name: str) -> Child:
        descriptor = self._listener.fileno()
        path = os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH")]))
        return Child(
            name,
            Identity.ours(),
            [sys.executable, "-P", *self._command, str(descriptor)],
            log=None,
            stop=self._stop,
            environment=dict(os.environ) | {"PYTHONPATH": path} | (self._metrics.environment if self._metrics else {}),
            folder=Path.cwd(),
            pass_files=(descriptor,),
        )

    def _bury(self, pid: int) -> None:
        if self._metrics is not None:
            self._metrics.forget(pid)

    def _note_signal(self, _: int, __: FrameType | None) -> None:
        self._signals += 1
