"""Alarms: raised when many different accounts fail within a window, counted in one process's memory.

A *signal* is one outcome. An alarm is raised when, over the present and the last window, the failing accounts are
many and failures outnumber successes; the second condition lets a large deployment's daily noise pass.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

_MAX_ALARMS = 10_000
_MAX_MARKS = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One outcome towards one alarm. `account` is a digest; `about` is for the event that tells of the alarm."""

    alarm: str
    account: str
    failed: bool
    threshold: int
    window_seconds: int
    about: str | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """A key that is set for a time."""

    key: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Raised:
    """An alarm that this signal raised, and how many accounts failed."""

    signal: Signal
    accounts: int


@dataclass(slots=True)
class _Window:
    number: int
    accounts: set[str] = field(default_factory=set)
    failed: int = 0
    passed: int = 0


class LocalAlarms:
    """Alarms and marks of this process. `now` is any steady clock's seconds."""

    def __init__(self) -> None:
        self._windows: dict[str, tuple[_Window, _Window]] = {}
        self._raised: dict[str, float] = {}
        self._marks: dict[str, float] = {}

    def note(self, signals: Iterable[Signal], now: float) -> list[Raised]:
        """Count outcomes and return the alarms that they raised."""
        return [raised for signal in signals if (raised := self._note(signal, now)) is not None]

    def mark(self, marks: Iterable[Mark], now: float) -> None:
        """Set marks."""
        for mark in marks:
            self._marks.pop(mark.key, None)
            self._marks[mark.key] = now + mark.seconds
            if len(self._marks) > _MAX_MARKS:
                del self._marks[next(iter(self._marks))]

    def is_raised(self, alarm: str, now: float) -> bool:
        """Whether the alarm stands."""
        return self._raised.get(alarm, 0.0) > now

    def is_marked(self, key: str, now: float) -> bool:
        """Whether the mark is set."""
        return self._marks.get(key, 0.0) > now

    def _note(self, signal: Signal, now: float) -> Raised | None:
        number = int(now // signal.window_seconds)
        before, window = self._windows.pop(signal.alarm, (_Window(number - 1), _Window(number)))
        if window.number != number:
            before, window = (window if window.number == number - 1 else _Window(number - 1)), _Window(number)
        self._windows[signal.alarm] = before, window
        if len(self._windows) > _MAX_ALARMS:
            del self._windows[next(iter(self._windows))]
        if not signal.failed:
            window.passed += 1
            return None
        window.failed += 1
        if len(window.accounts) < signal.threshold:
            window.accounts.add(signal.account)
        accounts = len(window.accounts | before.accounts)
        if accounts < signal.threshold or window.failed + before.failed <= window.passed + before.passed:
            return None
        fresh = not self.is_raised(signal.alarm, now)
        self._raised[signal.alarm] = now + signal.window_seconds
        if len(self._raised) > _MAX_ALARMS:
            del self._raised[next(iter(self._raised))]
        return Raised(signal, accounts) if fresh else None
