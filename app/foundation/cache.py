"""Valkey or Redis: fast, shared between processes, and never the only place where something is kept."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from app.foundation.errors import Unavailable
from app.foundation.metrics import Counter
from app.foundation.redis_library import BlockingConnectionPool, NoBackoff, Redis, RedisError, ResponseError, Retry

# What a request may lose to a cache that does not answer. The client library's own limits count per attempt and
# per step, so the sum is capped here, below the tenth of a second that is allowed.
TOTAL_SECONDS = 0.08
# An answer takes a fraction of a millisecond, so few connections serve many requests; each new one costs three trips.
_MAX_CONNECTIONS = 16
# After so many failures in a row nobody waits for the cache any more until it gives a sign of life.
_BREAKER_FAILURES = 5
_PROBE_SECONDS = 0.5
_SILENCE_SECONDS = 5.0

_logger = logging.getLogger(__name__)

_ERRORS = Counter("cache_errors", "Uses of the cache that failed or took too long.", unit="uses")


class CacheUnavailable(Unavailable):
    """The cache does not answer in time, or there is none."""

    code, title = "cache_unavailable", "Not available at the moment"


class Cache:
    """One process's connections to the cache of `REDIS__URL`; without a URL there is none.

    Nothing is retried: whoever calls knows what to do without the cache. After five failures in a row the cache
    counts as gone and costs no time, until `watch` or `ping` finds it again.
    """

    def __init__(self, url: str | None, *, answer_seconds: float = TOTAL_SECONDS) -> None:
        self._client = _client(url, answer_seconds) if url is not None else None
        self._answer_seconds = answer_seconds
        self._failures = 0
        self._gone = asyncio.Event()

    @property
    def exists(self) -> bool:
        """Whether a cache is set up at all."""
        return self._client is not None

    @asynccontextmanager
    async def use(self, *, seconds: float | None = None) -> AsyncIterator["Redis"]:
        """The client, for commands that together take at most `seconds`, or what the cache is allowed to take.

        Raises CacheUnavailable.
        """
        if self._gone.is_set():
            raise CacheUnavailable(detail="the cache did not answer several times in a row")
        async with self._trying(seconds or self._answer_seconds) as client:
            yield client

    async def ping(self) -> None:
        """Ask for a sign of life. Raises CacheUnavailable."""
        async with self._trying(self._answer_seconds) as client:
            await client.execute_command("PING")  # type: ignore[no-untyped-call]  # the library leaves it untyped

    async def messages(self, channel: str) -> AsyncIterator[bytes]:
        """What is published on a channel from now on, by a connection of its own. Raises CacheUnavailable."""
        if self._client is None or self._gone.is_set():
            raise CacheUnavailable(detail="there is no cache to listen to")
        try:
            async with self._client.pubsub(ignore_subscribe_messages=True) as subscription:
                await subscription.subscribe(channel)
                while True:
                    message = await subscription.get_message(timeout=_SILENCE_SECONDS)
                    if message is None:
                        # Nothing was said for a while: a sign of life tells silence from a connection that is cut.
                        await subscription.ping()
                    elif message["type"] == "message":
                        yield message["data"]
        except (RedisError, OSError, TimeoutError) as error:
            raise CacheUnavailable(detail=f"{type(error).__name__}: {error}") from error

    async def watch(self) -> None:
        """Look for a cache that is gone for as long as the process lives: the coroutine of a background task."""
        while True:
            await self._gone.wait()
            await asyncio.sleep(_PROBE_SECONDS)
            with contextlib.suppress(CacheUnavailable):
                await self.ping()

    @asynccontextmanager
    async def _trying(self, seconds: float) -> AsyncIterator["Redis"]:
        if self._client is None:
            raise CacheUnavailable(detail="REDIS__URL is not set")
        try:
            async with asyncio.timeout(seconds):
                yield self._client
        except (RedisError, OSError, TimeoutError) as error:
            _ERRORS.add()
            # A refused command is an answer.
            if not isinstance(error, ResponseError):
                self._note_failure(error)
            raise CacheUnavailable(detail=f"{type(error).__name__}: {error}") from error
        if self._gone.is_set():
            _logger.warning("the cache answers again")
        self._failures = 0
        self._gone.clear()

    def _note_failure(self, error: Exception) -> None:
        self._failures += 1
        if self._failures == _BREAKER_FAILURES and not self._gone.is_set():
            self._gone.set()
            _logger.warning("the cache does not answer; going on without it: %s: %s", type(error).__name__, error)

    async def close(self) -> None:
        """Close every connection."""
        if self._client is not None:
            await self._client.aclose()


def _client(url: str, answer_seconds: float) -> "Redis":
    settings: dict[str, Any] = {
        "socket_connect_timeout": answer_seconds,
        "socket_timeout": answer_seconds,
        "retry": Retry(NoBackoff(), 0),
        "max_connections": _MAX_CONNECTIONS,
        "timeout": answer_seconds,
        "health_check_interval": 0,
        # Its own name it would read from files, which holds up the event loop, and send on each connection.
        "driver_info": None,
    }
    # The client owns its pool, so that closing the one closes the other.
    return Redis.from_pool(BlockingConnectionPool.from_url(url, **settings))
