"""Valkey or Redis: fast, shared between processes, and never the only place where something is kept."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.connection import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from app.foundation.errors import Unavailable
from app.foundation.metrics import Counter

# What a request may lose to a cache that does not answer. The client library's own limits count per attempt and
# per step, so the sum is capped here.
TOTAL_SECONDS = 0.1
_STEP_SECONDS = 0.05
_MAX_CONNECTIONS = 64

_ERRORS = Counter("cache_errors", "Uses of the cache that failed or took too long.", unit="uses")


class CacheUnavailable(Unavailable):
    """The cache does not answer in time, or there is none."""

    code, title = "cache_unavailable", "Not available at the moment"


class Cache:
    """One process's connections to the cache of `REDIS__URL`; without a URL there is none.

    Nothing is retried: whoever calls knows what to do without the cache.
    """

    def __init__(self, url: str | None) -> None:
        self._client = _client(url) if url is not None else None

    @property
    def exists(self) -> bool:
        """Whether a cache is set up at all."""
        return self._client is not None

    @asynccontextmanager
    async def use(self, *, seconds: float = TOTAL_SECONDS) -> AsyncIterator["Redis"]:
        """The client, for commands that together take at most `seconds`. Raises CacheUnavailable."""
        if self._client is None:
            raise CacheUnavailable(detail="REDIS__URL is not set")
        try:
            async with asyncio.timeout(seconds):
                yield self._client
        except (RedisError, OSError, TimeoutError) as error:
            _ERRORS.add()
            raise CacheUnavailable(detail=f"{type(error).__name__}: {error}") from error

    async def ping(self) -> None:
        """Ask for a sign of life. Raises CacheUnavailable."""
        async with self.use() as client:
            await client.execute_command("PING")  # type: ignore[no-untyped-call]  # the library leaves it untyped

    async def close(self) -> None:
        """Close every connection."""
        if self._client is not None:
            await self._client.aclose()


def _client(url: str) -> "Redis":
    settings: dict[str, Any] = {
        "socket_connect_timeout": _STEP_SECONDS,
        "socket_timeout": _STEP_SECONDS,
        "retry": Retry(NoBackoff(), 0),
        "max_connections": _MAX_CONNECTIONS,
        "timeout": _STEP_SECONDS,
        "health_check_interval": 0,
    }
    # The client owns its pool, so that closing the one closes the other.
    return Redis.from_pool(BlockingConnectionPool.from_url(url, **settings))
