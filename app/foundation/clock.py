"""The one source of time: UTC, corrected to the database's clock.

Many processes on many hosts judge the same expiry. Each measures how far its own clock stands from the
database's and returns corrected time, so that they agree with each other and with the rows they write.
"""

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import overload

from app.foundation.metrics import Gauge

# Beyond this distance from the database's clock a process refuses work: its host needs its clock mended.
MAX_OFFSET = timedelta(seconds=10)

_OFFSET = Gauge(
    "clock_offset_seconds",
    "How far the host's clock stands from the database's, either way.",
    unit="seconds",
    across="max",
)


class Clock:
    """Corrected UTC time. `offset` is what the last measurement added to the host's clock."""

    def __init__(self, *, offset: timedelta = timedelta(0)) -> None:
        self.offset = offset
        self.measured_offset = timedelta(0)

    def now(self) -> datetime:
        """The present moment, aware and in UTC."""
        return datetime.fromtimestamp(time.time(), UTC) + self.measured_offset + self.offset

    @property
    def is_trustworthy(self) -> bool:
        """Whether the host's own clock stands close enough to the database's to serve."""
        return abs(self.measured_offset) <= MAX_OFFSET

    async def measure(self, database_time: Callable[[], Awaitable[datetime]]) -> timedelta:
        """Compare the host's clock with the database's and correct by the difference.

        The database's answer is taken to stand in the middle of the round trip.
        """
        before = time.time()
        there = await database_time()
        after = time.time()
        here = datetime.fromtimestamp((before + after) / 2, UTC)
        self.measured_offset = there - here
        _OFFSET.set(abs(self.measured_offset.total_seconds()))
        return self.measured_offset


@overload
def rfc3339(moment: datetime) -> str: ...
@overload
def rfc3339(moment: datetime | None) -> str | None: ...
def rfc3339(moment: datetime | None) -> str | None:
    """A moment as JSON shows it: UTC, with milliseconds and `Z`; None where there is none. Spec: RFC 3339 §5.6."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
