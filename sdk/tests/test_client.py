"""The one way out: bounded in time and size, and free of what the environment says."""

import asyncio
import gc
import time

import pytest

from auth_service_sdk.client import TOTAL_SECONDS, ServiceConnection, Unreachable

pytestmark = pytest.mark.anyio


@pytest.fixture
async def scripted():
    """A server that plays one script per connection: `await scripted(script, …)` returns its address."""
    servers = []

    async def start(*scripts):
        remaining = list(scripts)

        async def play(reader, writer):
            try:
                await remaining.pop(0)(reader, writer)
            finally:
                writer.close()

        server = await asyncio.start_server(play, "127.0.0.1", 0)
        servers.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    yield start
    for server in servers:
        server.close()
        await server.wait_closed()


async def answer(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
    await writer.drain()


async def answer_then_hang_up_on_the_next(reader, writer):
    await answer(reader, writer)
    await reader.readuntil(b"\r\n\r\n")


async def drip(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n")
    try:
        while True:
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.1)
    except ConnectionError:
        pass


async def cut_off(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\nhalf")
    await writer.drain()


async def hang_up(reader, writer):
    await reader.read(1)


async def test_connection_closed_by_the_server_is_replaced_once(scripted):
    connection = ServiceConnection(await scripted(answer_then_hang_up_on_the_next, answer))
    assert (await connection.get("/", max_bytes=10)).body == b"ok"
    assert (await connection.get("/", max_bytes=10)).body == b"ok"


async def test_answer_that_is_cut_off_is_no_answer(scripted):
    connection = ServiceConnection(await scripted(cut_off, cut_off))
    with pytest.raises(Unreachable):
        await connection.get("/", max_bytes=10)


async def test_dripping_answer_is_given_up_in_time(scripted):
    connection = ServiceConnection(await scripted(drip))
    started = time.monotonic()
    with pytest.raises(Unreachable, match="no answer within"):
        await connection.get("/", max_bytes=1000)
    # It would drip for ever; a machine may stall for a while.
    assert TOTAL_SECONDS * 0.9 < time.monotonic() - started < TOTAL_SECONDS + 20


async def test_https_without_a_certificate_is_no_answer(scripted):
    base_url = await scripted(hang_up, hang_up)
    with pytest.raises(Unreachable):
        await ServiceConnection(base_url.replace("http:", "https:")).get("/", max_bytes=10)


async def test_proxies_of_the_environment_are_not_used(scripted, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    connection = ServiceConnection(await scripted(answer))
    assert (await connection.get("/", max_bytes=10)).status == 200


async def test_connections_of_a_dropped_owner_are_closed_though_the_loop_lives_on(issuer):
    connection = ServiceConnection(issuer.url)
    await connection.get("/.well-known/jwks.json", max_bytes=100_000)
    (pool,) = connection._pools.values()
    assert pool.transport._pool.connections
    del connection
    gc.collect()
    async with asyncio.timeout(5):
        while pool.transport._pool.connections:
            await asyncio.sleep(0)
