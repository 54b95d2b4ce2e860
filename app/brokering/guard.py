"""A provider that is slow or down keeps its own sign-ins waiting, and nobody else: bounded time, places, and a breaker.

After some answers in a row that did not come a provider is left alone for a while: its people read at once that it
does not answer. Then one sign-in tries; if it gets an answer all others follow. What a provider answers, be it no or
nonsense, is an answer: else anybody could keep a provider's people out by answers of their own making. And what was
late because too many were here at once says nothing of the provider.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import TypeVar

from app.brokering.settings import FederationSettings
from app.brokering.turns import Crowded, Part, Turns
from app.federation.connector import Connection, Refusal, SignInRefused
from app.foundation.http.outbound import CallFailed
from app.foundation.metrics import FROM_CODE, Counter

_MAX_LINES = 1024
# Of the time that a page may take: how long a place is waited for, what is kept back at most for telling a whole crowd
# that no answer came, and what a provider must have been given before its silence counts against it.
_IN_LINE, _KEPT_BACK, _FAIR = 0.2, 0.15, 0.8
# So many may try whatever was learnt: what was slow may be fast again, and only who tries finds out.
_FEW = 8
# How far one answer moves what is known of the answers before it.
_WEIGHT = 0.2
_CALLS = Counter(
    "identity_provider_calls",
    "Sign-ins that waited for another provider, by what came of it.",
    unit="sign-ins",
    result=("answered", "failed", "timeout", "crowded", "left_alone"),
    provider=FROM_CODE,
)

Found = TypeVar("Found")


@dataclass(slots=True)
class _Room:
    """The places of a connection for one way, and how many of them are taken."""

    places: asyncio.Semaphore
    taken: int = 0


@dataclass(slots=True)
class _Line:
    """Who is under way by one connection, out or home, and how it has answered of late."""

    out: _Room
    home: _Room
    failures: int = 0
    closed_until: float = 0.0
    is_tried: bool = False
    answered_at: float = float("-inf")
    answer_seconds: float = 0.0


class ProviderGuard:
    """The one way to have a connector ask its provider. What it knows is this process's own."""

    def __init__(
        self, settings: FederationSettings, turns: Turns, *, clock: Callable[[], float] = perf_counter
    ) -> None:
        self._settings = settings
        self._turns = turns
        self._clock = clock
        self._lines: dict[tuple[str, int], _Line] = {}

    @asynccontextmanager
    async def place(self, connection: Connection, arrived_at: float, *, leaves: bool = False) -> AsyncIterator[None]:
        """Hold one of the connection's places until the block ends: from a browser's arrival to its page.

        Raises Crowded where there is none, or where too many others would come home before this one.
        """
        line = self._line(connection)
        room = line.out if leaves else line.home
        try:
            await self._enter(line, room, arrived_at)
        except Crowded:
            _CALLS.add("crowded", connection.id)
            raise
        try:
            yield
        finally:
            room.taken -= 1
            room.places.release()

    async def call(
        self,
        connection: Connection,
        work: Callable[[], Awaitable[Found]],
        *,
        proves: bool = True,
        arrived_at: float | None = None,
    ) -> Found:
        """Do the work within the bounds. Raises SignInRefused, as UNREACHABLE where the provider is left alone.

        `proves` says that the work asks the provider each time, so that its success says that the provider answers.
        `arrived_at` is when the request came behind which a person waits.
        """
        line = self._line(connection)
        is_trial = self._admit(connection, line, proves=proves)
        room = line.home if proves else line.out
        begun, seconds = self._clock(), self._seconds(room, arrived_at)
        # Where nobody else is under way nobody has taken time from this one.
        is_fair = room.taken <= 1 or seconds >= self._settings.answer_seconds * _FAIR
        result = "answered"
        try:
            async with asyncio.timeout(seconds):
                found = await work()
        except TimeoutError:
            result = "timeout"
            if is_fair:
                self._failed(line, begun)
            raise SignInRefused(Refusal.UNREACHABLE, f"{connection.id}: no answer in time") from None
        except SignInRefused as refused:
            if refused.refusal is Refusal.UNREACHABLE or _is_of_the_wire(refused):
                result = "failed"
                self._failed(line, begun)
            elif proves:
                self._answered(line, begun)
            raise
        finally:
            if is_trial:
                line.is_tried = False
            _CALLS.add(result, connection.id)
        if proves:
            self._answered(line, begun)
        return found

    async def _enter(self, line: _Line, room: _Room, arrived_at: float) -> None:
        self._require_time(line, room, arrived_at)
        try:
            async with asyncio.timeout(self._settings.answer_seconds * _IN_LINE):
                await room.places.acquire()
        except TimeoutError:
            raise Crowded from None
        try:
            self._require_time(line, room, arrived_at)
        except Crowded:
            room.places.release()
            raise
        room.taken += 1

    def _require_time(self, line: _Line, room: _Room, arrived_at: float) -> None:
        """Raise Crowded where this one would be late, should all who are before it come home at once."""
        if room is line.out or room.taken < _FEW:
            return
        ours = self._turns.seconds_until(Part.CLAIM) + (room.taken + 1) * self._turns.seconds_of(Part.FINISH)
        if line.answer_seconds + ours > self._turns.left(arrived_at):
            raise Crowded

    def _seconds(self, room: _Room, arrived_at: float | None) -> float:
        """How long the provider may take."""
        whole = self._settings.answer_seconds
        if arrived_at is None:
            return whole
        # Should it answer nobody, each of them is told by a turn of its own, and within the time of a page too.
        kept_back = min(room.taken * self._turns.seconds_of(Part.REFUSE), whole * _KEPT_BACK)
        return self._turns.left(arrived_at) - kept_back

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

    def _answered(self, line: _Line, begun: float) -> None:
        now = self._clock()
        line.failures, line.answered_at = 0, now
        line.answer_seconds += (now - begun - line.answer_seconds) * _WEIGHT

    def _failed(self, line: _Line, begun: float) -> None:
        if begun < line.answered_at:
            # It has answered somebody since: slow for one of many, and not away.
            return
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
            line = self._lines[key] = _Line(self._room(), self._room())
        return line

    def _room(self) -> _Room:
        return _Room(asyncio.Semaphore(self._settings.concurrency))


def _is_of_the_wire(error: BaseException | None) -> bool:
    """Whether no whole answer came, which nobody but the provider, or what stands before it, can bring about."""
    while error is not None:
        if isinstance(error, CallFailed):
            return True
        error = error.__cause__
    return False
