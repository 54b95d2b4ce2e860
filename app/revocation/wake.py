"""Waking those who publish and follow before their next look."""

import asyncio
import contextlib

from app.foundation.cache import Cache, CacheUnavailable

CHANNEL = "revocations"
_AGAIN_SECONDS = 0.5


class Wake:
    """What ends a process's wait: a commit of its own, or a word from another process by the cache.

    Nobody depends on it: who is not woken looks again within a tenth of a second.
    """

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._event = asyncio.Event()
        self._written = False

    def note_written(self) -> None:
        """A transaction of this process that revoked something has committed."""
        self._written = True
        self._event.set()

    @property
    def is_woken(self) -> bool:
        """Whether the next wait ends at once."""
        return self._event.is_set()

    def take_written(self) -> bool:
        """Whether that happened since the last question."""
        written, self._written = self._written, False
        return written

    async def wait(self, seconds: float) -> None:
        """Wait for so long, or until woken."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._event.wait()
        self._event.clear()

    async def tell(self) -> None:
        """Wake every process."""
        with contextlib.suppress(CacheUnavailable):
            async with self._cache.use() as client:
                await client.publish(CHANNEL, b"")

    async def hear(self) -> None:
        """Be woken by other processes, for as long as this one lives: the coroutine of a background task."""
        while True:
            with contextlib.suppress(CacheUnavailable):
                async for _ in self._cache.messages(CHANNEL):
                    self._event.set()
            await asyncio.sleep(_AGAIN_SECONDS)
