"""A provider that is slow or down keeps its own sign-ins waiting, and nobody else: bounded time, places, and a breaker.

After some answers in a row that did not come a provider is left alone for a while: its people read at once that it
does not answer. Then one sign-in tries; if it gets an answer all others follow. What a provider answers, be it no or
nonsense, is an answer: else anybody could keep a provider's people out by answers of their own making.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import TypeVar

from app.brokering.settings import FederationSettings
from app.federation.connector import Connection, Refusal, SignInRefused
from app.foundation.http.outbound import CallFailed
from app.foundation.metrics import FROM_CODE, Counter

_MAX_LINES = 1024
_CALLS = Counter(
    "identity_provider_calls",
    "Sign-ins that waited for another provider, by what came of it.",
    unit="sign-ins",
    result=("answered", "failed", "timeout", "queue_full", "left_alone"),
    provider=FROM_CODE,
)

Found = TypeVar("Found")


@dataclass(slots=True)
class _Line:
    """Who waits for one connection, and how it has answered of late."""

    places: asyncio.Semaphore
    failures: int = 0
    closed_until: float = field(default=0.0)
    is_tried: bool = False


class ProviderGuard:
    """The one way to have a connector ask its provider. What it knows is this process's own."""

    def __init__(self, settings: FederationSettings, *, clock: Callable[[], float] = monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._lines: dict[tuple[str, int], _Line] = {}

    async def call(self, connection: Connection, work: Callable[[], Awaitable[Found]], *, proves: bool = True) -> Found:
        """Do the work within the bounds. Raises SignInRefused, as UNREACHABLE where the provider is left alone.

        `proves` says that the work asks the provider each time, so that its success says that the provider answers.
        """
        line = self._line(connection)
        is_trial = self._admit(connection, line, proves=proves)
        has_place = False
        result = "answered"
        try:
            async with asyncio.timeout(self._settings.answer_seconds), line.places:
                has_place = True
                found = await work()
        except TimeoutError:
            result = "timeout" if has_place else "queue_full"
            if has_place:
                self._failed(line)
            words = "no answer in time" if has_place else "too many sign-ins wait for it"
            raise SignInRefused(Refusal.UNREACHABLE, f"{connection.id}: {words}") from None
        except SignInRefused as refused:
            if refused.refusal is Refusal.UNREACHABLE or _is_of_the_wire(refused):
                result = "failed"
                self._failed(line)
            elif proves:
                line.failures = 0
            raise
        finally:
            if is_trial:
                line.is_tried = False
            _CALLS.add(result, connection.id)
        if proves:
            line.failures = 0
        return found

    def _admit(self, connection: Connection, line: _Line, *, proves: bool) -> bool:
        """Whether this one is the trial after a pause. Raises SignInRefused while the provider is left alone."""
        if line.failures < self._settings.failures:
            return False
        is_paused = self._clock() < line.closed_until
        if is_paused or (proves and line.is_tried):
            _CALLS.add("left_alone", connection.id)
            raise SignInRefused(Refusal.UNREACHABLE, f"{connection.id}: did not answer of late, and is left alone")
        if proves:
            line.is_tried = True
        return proves

    def _failed(self, line: _Line) -> None:
        line.failures += 1
        if line.failures >= self._settings.failures:
            line.closed_until = self._clock() + self._settings.pause_seconds

    def _line(self, connection: Connection) -> _Line:
        # Set up anew, a provider begins anew.
        key = (connection.id, connection.version)
        line = self._lines.get(key)
        if line is None:
            if len(self._lines) >= _MAX_LINES:
                del self._lines[next(iter(self._lines))]
            line = self._lines[key] = _Line(asyncio.Semaphore(self._settings.concurrency))
        return line


def _is_of_the_wire(error: BaseException | None) -> bool:
    """Whether no whole answer came, which nobody but the provider, or what stands before it, can bring about."""
    while error is not None:
        if isinstance(error, CallFailed):
            return True
        error = error.__cause__
    return False
