"""This service's own part of federated sign-ins: a few at a time, however many browsers come back at one moment.

A crowd that is waited for elsewhere comes home all at once, and each of it needs this process and its database. They
take turns, so that whoever else needs the two finds them nearly idle. What is nearest to its end goes first, and who
can't be through in time is told so at once instead of at the end.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import IntEnum
from heapq import heappop, heappush
from itertools import count
from time import perf_counter

# Connections to the database, and the turns of the event loop, are left for everybody else.
AT_ONCE = 2
# How far one turn moves what is known of the turns before it.
_WEIGHT = 0.1


class Crowded(Exception):
    """Too many sign-ins by other providers at this moment: this one can't be through in time. Nothing was changed."""


class Part(IntEnum):
    """What takes turns, in the order in which it goes."""

    FINISH = 0
    """Into a session, on a provider's word."""
    REFUSE = 1
    """Writing that a sign-in has come to nothing."""
    CLAIM = 2
    """Taking up the flow of a browser that is back."""
    LEAVE = 3
    """Sending a browser out."""
    LOOK = 4
    """Finding the provider that is meant."""
    TELL = 5
    """Telling somebody that there are too many."""


# Until the first turns have told.
_FIRST_SECONDS = {Part.FINISH: 0.03, Part.REFUSE: 0.01, Part.CLAIM: 0.01, Part.LEAVE: 0.01}
_FIRST_SECONDS |= {Part.LOOK: 0.002, Part.TELL: 0.002}

_Waiting = tuple[Part, int, asyncio.Future[None]]


class Turns:
    """Gives turns. `within` is how long after its request has arrived a sign-in must have had its last, in seconds."""

    def __init__(self, *, within: float, at_once: int = AT_ONCE, clock: Callable[[], float] = perf_counter) -> None:
        self._within = within
        self._at_once = at_once
        self._clock = clock
        self._free = at_once
        self._waiting: list[_Waiting] = []
        self._ahead: Counter[Part] = Counter()
        self._numbers = count()
        self._seconds = dict(_FIRST_SECONDS)

    def left(self, arrived_at: float) -> float:
        """The seconds that are left to a request of this arrival."""
        return arrived_at + self._within - self._clock()

    def seconds_of(self, part: Part) -> float:
        """In what time so many turns of this part were had of late that it comes to one."""
        return self._seconds[part] / self._at_once

    def seconds_until(self, part: Part) -> float:
        """How long somebody who asks now would wait for a turn, by what turns took of late."""
        if self._free:
            return 0.0
        return sum(self._ahead[before] * self.seconds_of(before) for before in Part if before <= part)

    @asynccontextmanager
    async def take(self, part: Part, arrived_at: float | None = None) -> AsyncIterator[None]:
        """Hold a turn until the block ends. With `arrived_at`, raises Crowded where none comes in time."""
        seconds = None if arrived_at is None else self.left(arrived_at)
        if seconds is not None and not self._free and self.seconds_until(part) > seconds:
            raise Crowded
        await self._wait(part, seconds)
        begun = self._clock()
        try:
            yield
        finally:
            self._seconds[part] += _WEIGHT * (self._clock() - begun - self._seconds[part])
            self._give()

    async def _wait(self, part: Part, seconds: float | None) -> None:
        if self._free:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heappush(self._waiting, (part, next(self._numbers), turn))
        self._ahead[part] += 1
        try:
            async with asyncio.timeout(seconds):
                await self._given(turn)
        except TimeoutError:
            raise Crowded from None
        finally:
            self._ahead[part] -= 1

    async def _given(self, turn: asyncio.Future[None]) -> None:
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                # Given at the very moment in which its owner gave up: it is the next one's.
                self._give()
            raise

    def _give(self) -> None:
        while self._waiting:
            turn = heappop(self._waiting)[2]
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
