"""Keeps the gauges fresh: how things stand is looked at now and then, not each time that it changes."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from asyncpg import PostgresError

from app.foundation.errors import Unavailable

SAMPLE_SECONDS = 2.0

Sample = Callable[[], Awaitable[None] | None]


async def keep_sampling(samples: Sequence[Sample], *, seconds: float = SAMPLE_SECONDS) -> None:
    """Take every sample again and again: the coroutine of a background task.

    A sample whose engine does not answer, or has no such table yet, leaves its gauge as it was.
    """
    while True:
        for sample in samples:
            try:
                taken = sample()
                if taken is not None:
                    await taken
            except (Unavailable, PostgresError):
                continue
        await asyncio.sleep(seconds)
