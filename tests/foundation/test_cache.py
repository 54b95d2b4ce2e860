"""The cache, its absence, and what it may cost."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from app.foundation.cache import Cache, CacheUnavailable
from app.foundation.engines.lock import Engines

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def silent_server() -> AsyncIterator[str]:
    """A server that accepts and never answers."""
    writers = []

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await reader.read()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    try:
        yield f"redis://{host}:{port}/0"
    finally:
        for writer in writers:
            writer.close()
        server.close()


async def test_the_real_engine_answers(engines: Engines):
    cache = Cache(engines.redis_url, answer_seconds=10)
    try:
        assert cache.exists
        await cache.ping()
        async with cache.use() as client:
            await client.set("test-cache", "1", px=1000)
            assert await client.get("test-cache") == b"1"
    finally:
        await cache.close()


async def test_without_an_address_there_is_no_cache():
    cache = Cache(None)
    assert not cache.exists
    with pytest.raises(CacheUnavailable):
        await cache.ping()
    await cache.close()


@pytest.mark.fault("F12")
async def test_a_frozen_cache_costs_at_most_a_tenth_of_a_second():
    async with silent_server() as url:
        cache = Cache(url)
        costs = []
        for _ in range(5):
            started = time.monotonic()
            with pytest.raises(CacheUnavailable):
                await cache.ping()
            costs.append(time.monotonic() - started)
        await cache.close()
    assert min(costs) <= 0.1
    # But for a moment at which the machine itself stalled.
    assert sorted(costs)[len(costs) // 2] < 0.5


async def test_a_cache_that_is_gone_is_told_at_once():
    async with silent_server() as url:
        pass
    cache = Cache(url)
    with pytest.raises(CacheUnavailable):
        await cache.ping()
    await cache.close()
