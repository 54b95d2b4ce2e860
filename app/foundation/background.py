"""What a process does beside its requests for as long as it lives."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import partial

from app.foundation.metrics import FROM_CODE, Counter, Gauge

Work = Callable[[], Coroutine[object, object, None]]

RESTART_SECONDS = 1.0
# Work that runs this long again counts as mended.
MENDED_SECONDS = 10.0
# Work that has not ended so long after it was told to has not heard it: Python 3.11 can lose a cancellation that comes
# just when a connection is being made or closed (its `wait_for`, which drivers use).
TOLD_AGAIN_SECONDS = 2.0

_ALIVE = Gauge(
    "background_work_alive",
    "1 while a piece of background work runs, 0 after it broke.",
    unit="truth",
    across="min",
    work=FROM_CODE,
)
_RESTARTS = Counter(
    "background_work_restarts",
    "Pieces of background work that ended and were started again.",
    unit="restarts",
    work=FROM_CODE,
)

_logger = logging.getLogger(__name__)


class Background:
    """Runs endless pieces of work, each under a name. One that ends, which is a fault of ours, is started again."""

    def __init__(self, *, restart_seconds: float = RESTART_SECONDS, mended_seconds: float = MENDED_SECONDS) -> None:
        self._restart_seconds = restart_seconds
        self._mended_seconds = mended_seconds
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._finishing: set[str] = set()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._broken: set[str] = set()

    def start(self, name: str, work: Work, *, finishes: bool = False) -> None:
        """Start `work`, which takes care of the faults that it expects and never returns.

        Work that `finishes` may take as long as it likes to bring what it has in hand to its end.
        """
        if finishes:
            self._finishing.add(name)
        task = asyncio.get_running_loop().create_task(work(), name=name)
        task.add_done_callback(partial(self._ended, name, work))
        self._tasks[name] = task
        _ALIVE.set(name not in self._broken, name)

    @property
    def broken(self) -> tuple[str, ...]:
        """The work that ended unexpectedly and has not run well since: what it keeps fresh may be stale."""
        return tuple(sorted(self._broken))

    async def stop(self) -> None:
        """Cancel everything and wait until it has ended."""
        for timer in self._timers.values():
            timer.cancel()
        tasks, self._tasks = self._tasks, {}
        await asyncio.gather(*(self._end(name, task) for name, task in tasks.items()))

    async def _end(self, name: str, task: "asyncio.Task[None]") -> None:
        """Tell it to end until it has. What it ends with was logged when it ended."""
        while not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=None if name in self._finishing else TOLD_AGAIN_SECONDS)
        # Looked at, or the loop complains of it.
        if not task.cancelled():
            task.exception()

    def _ended(self, name: str, work: Work, task: asyncio.Task[None]) -> None:
        if task.cancelled() or name not in self._tasks:
            return
        _logger.error("background work %s ended and is started again", name, exc_info=task.exception())
        self._broken.add(name)
        _ALIVE.set(0, name)
        _RESTARTS.add(name)
        loop = asyncio.get_running_loop()
        self._timers[name] = loop.call_later(self._restart_seconds, self._restart, name, work)

    def _restart(self, name: str, work: Work) -> None:
        self.start(name, work)
        loop = asyncio.get_running_loop()
        self._timers[name] = loop.call_later(self._mended_seconds, self._mended, name, self._tasks[name])

    def _mended(self, name: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(name) is task and not task.done():
            self._broken.discard(name)
            _ALIVE.set(1, name)
