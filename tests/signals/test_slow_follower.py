"""A follower that takes nothing: it is let go of, and costs nobody else anything."""

import asyncio
import time
from collections.abc import AsyncGenerator

import pytest

from app.foundation.draining import Drain
from app.signals.signed import SignedBatch
from app.signals.stream import SEND_SECONDS, BatchStream

pytestmark = pytest.mark.anyio

_BATCH = SignedBatch(b"a.b.c", "0.1")


async def _batches() -> AsyncGenerator[list[SignedBatch], None]:
    while True:
        await asyncio.sleep(0.1)
        yield [_BATCH]


async def _stays() -> dict[str, object]:
    return await asyncio.get_running_loop().create_future()


async def test_follower_that_takes_nothing_is_cut_off_after_its_time():
    sent: list[object] = []

    async def send(message: dict[str, object]) -> None:
        sent.append(message)
        if len(sent) == 4:
            await asyncio.get_running_loop().create_future()

    began_at = time.monotonic()
    async with asyncio.timeout(SEND_SECONDS * 6):
        await BatchStream([_BATCH], _batches(), Drain(), gzip=True)({"type": "http"}, _stays, send)
    assert time.monotonic() - began_at >= SEND_SECONDS
    # Head, first batches, one batch, and the one that nobody took: no end is feigned.
    assert len(sent) == 4
    assert sent[-1]["more_body"] is True


async def test_follower_that_waits_long_between_batches_is_not_cut_off():
    sent: list[object] = []

    async def rest() -> AsyncGenerator[list[SignedBatch], None]:
        await asyncio.sleep(SEND_SECONDS + 1)
        yield [_BATCH]

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    await BatchStream([_BATCH], rest(), Drain(), gzip=False)({"type": "http"}, _stays, send)
    assert [message.get("more_body") for message in sent] == [None, True, True, False]
