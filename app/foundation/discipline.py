"""Keeps the process's clock at the database's."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from app.foundation.clock import Clock
from app.foundation.errors import Unavailable

MEASURE_SECONDS = 10.0
# The host's clock needs care, long before the process must stop serving.
WARN_OFFSET = timedelta(seconds=2)

_logger = logging.getLogger(__name__)


async def keep_time(
    clock: Clock, database_time: Callable[[], Awaitable[datetime]], *, every_seconds: float = MEASURE_SECONDS
) -> None:
    """Measure the clock every ten seconds, for ever. While the database is away the last measurement stands."""
    offset = clock.measured_offset
    while True:
        if abs(offset) > WARN_OFFSET:
            _logger.warning("this host's clock is %.1f seconds off the database's", -offset.total_seconds())
        await asyncio.sleep(every_seconds)
        with contextlib.suppress(Unavailable):
            offset = await clock.measure(database_time)
