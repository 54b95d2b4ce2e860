"""Documents of others, kept in memory: one fetch at a time each, renewed ahead of their end, kept while it fails.

Keys of clients and metadata of identity providers are such documents: many requests of one moment need the same one,
it changes rarely, and nobody shall be turned away because its source is down for an hour.
"""

import asyncio
import logging
import re
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

REFRESH_AHEAD = 0.75
"""The share of a document's life after which a reader starts its renewal without waiting for it."""
_MAX_AGE = re.compile(r"(?:^|[\s,])max-age=\"?(\d{1,9})")

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Lifetime:
    """For how many seconds a document is used, and the bounds within which its own word on that is honoured."""

    default: float
    least: float
    most: float

    def of(self, stated: float | None) -> float:
        """The life of a document that says this of itself, or nothing."""
        return min(max(self.default if stated is None else stated, self.least), self.most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """How documents of one kind are kept.

    `faults` are what a fetch raises where no document that counts is to be had: then the last one stays, until it is
    `hard_limit_seconds` old, and the next try comes after `least_pause_seconds`, each time twice as long up to
    `most_pause_seconds`. Who misses something in a document has it read again, up to `extra_fetches` in
    `extra_window_seconds`, those of others counted. At most `most` are kept.
    """

    lifetime: Lifetime
    faults: tuple[type[Exception], ...]
    hard_limit_seconds: float = 24 * 3600.0
    least_pause_seconds: float = 1.0
    most_pause_seconds: float = 30.0
    extra_fetches: int = 2
    extra_window_seconds: float = 60.0
    most: int = 256


@dataclass(slots=True)
class _Entry(Generic[_Value]):
    attempts: deque[float]
    value: _Value | None = None
    fetched_at: float = 0.0
    lives: float = 0.0
    pause: float = 0.0
    retry_at: float = 0.0
    fault: Exception | None = None
    flight: asyncio.Task[None] | None = field(default=None, repr=False)


class RemoteDocuments(Generic[_Key, _Value]):
    """Finds documents by key. `fetch` gives a document, and for how long it says that it counts, if it does."""

    def __init__(
        self,
        fetch: Callable[[_Key], Awaitable[tuple[_Value, float | None]]],
        keeping: Keeping,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._keeping = keeping
        self._monotonic = monotonic
        self._entries: dict[_Key, _Entry[_Value]] = {}

    async def get(self, key: _Key) -> _Value:
        """The document; asked for where there is none or its life is over. Raises its fault where none is left."""
        entry = self._entry(key)
        now = self._monotonic()
        age = now - entry.fetched_at
        if entry.value is None or age >= entry.lives:
            if now >= entry.retry_at:
                await self._refreshed(key, entry)
        elif age >= entry.lives * REFRESH_AHEAD and now >= entry.retry_at:
            self._start(key, entry)
        return self._held(entry)

    async def again(self, key: _Key) -> _Value:
        """The document, asked for once more as far as the limits go. Raises its fault where none is left."""
        entry = self._entry(key)
        now = self._monotonic()
        recent = sum(1 for at in entry.attempts if now - at < self._keeping.extra_window_seconds)
        if _is_under_way(entry) or (recent < self._keeping.extra_fetches and now >= entry.retry_at):
            await self._refreshed(key, entry)
        return self._held(entry)

    async def asked(self, key: _Key) -> _Value:
        """What the source says at this very moment. Raises its fault, also where an older document is kept."""
        entry = self._entry(key)
        await self._refreshed(key, entry)
        if entry.fault is not None:
            raise _anew(entry.fault)
        return self._held(entry)

    def _entry(self, key: _Key) -> _Entry[_Value]:
        entry = self._entries.get(key)
        if entry is None:
            if len(self._entries) >= self._keeping.most:
                del self._entries[next(iter(self._entries))]
            entry = self._entries[key] = _Entry(deque(maxlen=self._keeping.extra_fetches))
        return entry

    def _held(self, entry: _Entry[_Value]) -> _Value:
        value = entry.value
        if value is not None and self._monotonic() - entry.fetched_at < self._keeping.hard_limit_seconds:
            return value
        assert entry.fault is not None  # noqa: S101 — a fetch that gave no value left its fault
        raise _anew(entry.fault)

    async def _refreshed(self, key: _Key, entry: _Entry[_Value]) -> None:
        # Shielded: a reader that hangs up must not take the fetch away from the others.
        await asyncio.shield(self._start(key, entry))

    def _start(self, key: _Key, entry: _Entry[_Value]) -> asyncio.Task[None]:
        if entry.flight is None or entry.flight.done():
            entry.attempts.append(self._monotonic())
            entry.flight = asyncio.get_running_loop().create_task(self._renew(key, entry))
        return entry.flight

    async def _renew(self, key: _Key, entry: _Entry[_Value]) -> None:
        asked_at = self._monotonic()
        try:
            value, stated = await self._fetch(key)
        except self._keeping.faults as fault:
            longest = self._keeping.most_pause_seconds
            entry.pause = min(max(entry.pause * 2, self._keeping.least_pause_seconds), longest)
            entry.retry_at = self._monotonic() + entry.pause
            entry.fault = fault
            kept = "there is none yet" if entry.value is None else "the last good one stays"
            _logger.warning("a document cannot be had: %s; %s", fault, kept)
            return
        entry.value, entry.fetched_at, entry.lives = value, asked_at, self._keeping.lifetime.of(stated)
        entry.pause, entry.retry_at, entry.fault = 0.0, 0.0, None


def max_age(headers: Mapping[str, str]) -> float | None:
    """For how many seconds an answer says that it counts. Spec: RFC 9111 §5.2.2.1."""
    found = _MAX_AGE.search(headers.get("cache-control", "").lower())
    return None if found is None else float(found.group(1))


def _is_under_way(entry: _Entry[_Value]) -> bool:
    return entry.flight is not None and not entry.flight.done()


def _anew(fault: Exception) -> Exception:
    """A fault that is raised to many, one after the other: without the tracebacks of those before."""
    return fault.with_traceback(None)
