"""Servers that break in one way each."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.webhooks.receiver import Answer, answer, close_early, drip, hang


async def reset(writer: asyncio.StreamWriter) -> None:
    """RST in place of an answer."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


FAULTS: dict[str, Answer] = {
    "hangs": hang,
    "drips": drip,
    "resets": reset,
    "fails": answer("500 Internal Server Error"),
    "closes": close_early,
    # Asked by https, this is no handshake.
    "tls": answer("400 Bad Request"),
}


class Broken:
    """A server that breaks in one way, and counts who has come."""

    def __init__(self) -> None:
        self.came = 0
        self.port = 0

    @asynccontextmanager
    async def serving(self, fault: Answer) -> AsyncIterator["Broken"]:
        tasks: set[asyncio.Task[None]] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.came += 1
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            try:
                await reader.read(1)
                await fault(writer)
            except (OSError, asyncio.CancelledError):
                # Cut off, or at its end with the test.
                pass
            finally:
                tasks.discard(task)
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1000)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in tuple(tasks):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
