"""The store of logouts that docs/any-issuer.md shows, on a real server."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis

from app.foundation.engines.lock import Engines
from auth_service_sdk.logouts import Logout, Logouts, SharedLogouts
from tests.docs.blocks import PROJECT, blocks_of

pytestmark = pytest.mark.anyio


@pytest.fixture
async def redis(engines: Engines) -> AsyncIterator[Redis]:
    async with Redis.from_url(engines.redis_url) as client:
        await client.delete("logouts")
        yield client
        await client.delete("logouts")


def shown() -> Any:
    """The class on the page."""
    names: dict[str, Any] = {}
    page = PROJECT / "docs" / "any-issuer.md"
    (text,) = [block.text for block in blocks_of(page) if block.file == "logout_store.py"]
    exec(compile(text, str(page), "exec"), names)
    return names["RedisLogouts"]


def worker(redis: Redis) -> SharedLogouts:
    return SharedLogouts(
        Logouts(longest=300, leeway=30),
        issuers=frozenset({"https://id.example.com"}),
        lifetime=330,
        store=shown()(redis),
        forget=lambda _: None,
        clock=lambda: 1000.0,
        monotonic=iter(range(0, 10_000, 2)).__next__,
    )


async def test_what_one_worker_hears_the_others_read_also_those_that_start_later(redis: Redis):
    first, second = worker(redis), worker(redis)
    await second.catch_up()
    for number in range(1500):
        await first.add(Logout("https://id.example.com", f"s-{number}", None, 1000))
    await second.catch_up()
    late = worker(redis)
    await late.catch_up()
    for each in (second, late):
        assert each.match({"sid": "s-0", "sub": "u", "iat": 1})
        assert each.match({"sid": "s-1499", "sub": "u", "iat": 1})
        assert not each.match({"sid": "s-1500", "sub": "u", "iat": 1})
    assert 0 < await redis.ttl("logouts") <= 330


async def test_what_is_read_once_is_not_read_again(redis: Redis):
    store = shown()(redis)
    await store.add(json.dumps({"issuer": "x"}), lifetime=60)
    position, entries = await store.read("")
    assert len(entries) == 1
    assert await store.read(position) == (position, [])
