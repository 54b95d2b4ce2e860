"""Documents of providers: one fetch at a time each, renewed ahead of their end, kept while their provider is down."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from app.federation.oidc.faults import ProviderFault

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

MAX_DOCUMENTS = 256
REFRESH_AHEAD = 0.75
"""The share of a document's life after which a reader starts its renewal without waiting for it."""
HARD_LIMIT_SECONDS = 24 * 3600.0
"""A document that could not be renewed for so long counts no more."""
MAX_BACKOFF_SECONDS = 30.0
EXTRA_FETCHES, EXTRA_WINDOW_SECONDS = 2, 60.0
"""A reader who misses something causes a fetch only while fewer than so many were made in the window."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Lifetime:
    """For how many seconds a document is used, and the bounds within which its max-age is honoured."""

    default: float
    least: float
    most: float

    def of(self, max_age: float | None) -> float:
        """The life of an answer."""
        return min(max(self.default if max_age is None else max_age, self.least), self.most)


@dataclass(slots=True)
class _Entry(Generic[_Value]):
    value: _Value | None = None
    fetched_at: float = 0.0
    lives: float = 0.0
    failures: int = 0
    retry_at: float = 0.0
    fault: ProviderFault | None = None
    attempts: deque[float] = field(default_factory=lambda: deque(maxlen=EXTRA_FETCHES))
    flight: asyncio.Task[None] | None = None


class Shelf(Generic[_Key, _Value]):
    """Finds documents by key. `fetch` gives the document and its max-age, and raises ProviderFault."""

    def __init__(
        self,
        fetch: Callable[[_Key], Awaitable[tuple[_Value, float | None]]],
        lifetime: Lifetime,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._lifetime = lifetime
        self._monotonic = monotonic
        self._entries: dict[_Key, _Entry[_Value]] = {}

    async def get(self, key: _Key) -> _Value:
        """The document: asks for it where there is none or its life is over. Raises ProviderFault without one."""
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
        """The document, asked for once more as far as the limits go. Raises ProviderFault without one."""
        entry = self._entry(key)
        now = self._monotonic()
        recent = sum(1 for at in entry.attempts if now - at < EXTRA_WINDOW_SECONDS)
        under_way = entry.flight is not None and not entry.flight.done()
        if under_way or (recent < EXTRA_FETCHES and now >= entry.retry_at):
            await self._refreshed(key, entry)
        return self._held(entry)

    async def asked(self, key: _Key) -> _Value:
        """What the provider says at this very moment. Raises ProviderFault, also where an older document is kept."""
        entry = self._entry(key)
        await self._refreshed(key, entry)
        if entry.fault is not None:
            raise ProviderFault(entry.fault.refusal, str(entry.fault)) from entry.fault
        return self._held(entry)

    def _entry(self, key: _Key) -> _Entry[_Value]:
        entry = self._entries.get(key)
        if entry is None:
            if len(self._entries) >= MAX_DOCUMENTS:
                del self._entries[next(iter(self._entries))]
            entry = self._entries[key] = _Entry()
        return entry

    def _held(self, entry: _Entry[_Value]) -> _Value:
        value = entry.value
        if value is not None and self._monotonic() - entry.fetched_at < HARD_LIMIT_SECONDS:
            return value
        assert entry.fault is not None  # noqa: S101 — a fetch that gave no value left its fault
        raise ProviderFault(entry.fault.refusal, str(entry.fault)) from entry.fault

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
            value, max_age = await self._fetch(key)
        except ProviderFault as fault:
            wait = min(2.0**entry.failures, MAX_BACKOFF_SECONDS)
            entry.failures = min(entry.failures + 1, 10)
            entry.retry_at = self._monotonic() + wait
            entry.fault = fault
            kept = "there is none yet" if entry.value is None else "the last good one stays"
            _logger.warning("a document of an identity provider cannot be had: %s; %s", fault, kept)
            return
        entry.value, entry.fetched_at, entry.lives = value, asked_at, self._lifetime.of(max_age)
        entry.failures, entry.retry_at, entry.fault = 0, 0.0, None
