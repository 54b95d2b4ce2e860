"""Where documents are read and signatures computed: beside the event loop, a few at a time."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from app.foundation.errors import Unavailable

Result = TypeVar("Result")

_AT_WORK = 2
# Whoever floods us with documents is turned away before everybody waits.
_MAX_WAITING = 64


class XMLThreads:
    """Runs work on documents in threads."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(_AT_WORK)
        self._waiting = 0

    async def run(self, work: Callable[[], Result]) -> Result:
        """The work's result. Raises what it raises, and Unavailable where too much waits already."""
        if self._waiting >= _MAX_WAITING:
            raise Unavailable(detail="too many SAML messages at once")
        self._waiting += 1
        try:
            async with self._turns:
                return await asyncio.to_thread(work)
        finally:
            self._waiting -= 1
