"""A receiver of webhooks: answers as told, path by path, and keeps what it was sent."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

WAIT_SECONDS = 60.0

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Received:
    """One request, whole."""

    path: str
    headers: dict[str, str]
    content: bytes
    at: float

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def body(self) -> dict[str, Any]:
        return json.loads(self.content)


def answer(status: str = "204 No Content", body: bytes = b"", *headers: str) -> Answer:
    async def write(writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        await writer.drain()

    return write


async def hang(writer: asyncio.StreamWriter) -> None:
    """Nothing, for ever."""
    await asyncio.Event().wait()


async def drip(writer: asyncio.StreamWriter) -> None:
    """A byte a second."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(1)


async def flood(writer: asyncio.StreamWriter) -> None:
    """100 MB."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
    for _ in range(1526):
        writer.write(b"x" * 65_536)
        await writer.drain()


async def close_early(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    await writer.drain()
    writer.close()


class Receiver:
    """`answers` says how each path answers; any other says 204. `taken` is what was answered so."""

    def __init__(self) -> None:
        self.port = 0
        self.requests: list[Received] = []
        self.taken: list[Received] = []
        self.answers: dict[str, Answer] = {}
        self.open_by_path: dict[str, int] = {}
        self.most_open: dict[str, int] = {}
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def url(self, path: str = "/in") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def sent_to(self, path: str = "/in") -> list[Received]:
        return [each for each in self.requests if each.path == path]

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Nobody listens any more, and every connection is cut."""
        if self._server is not None:
            self._server.close()
            for task in tuple(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while not writer.is_closing():
                await self._one(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        content = await reader.readexactly(int(headers.get("content-length", "0")))
        path = first.split()[1]
        received = Received(path, headers, content, time.monotonic())
        self.requests.append(received)
        self.open_by_path[path] = self.open_by_path.get(path, 0) + 1
        self.most_open[path] = max(self.most_open.get(path, 0), self.open_by_path[path])
        try:
            told = self.answers.get(path)
            if told is None:
                self.taken.append(received)
                await answer()(writer)
            else:
                await told(writer)
        finally:
            self.open_by_path[path] -= 1


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    await receiver.start()
    try:
        yield receiver
    finally:
        await receiver.stop()


async def until(is_so: Callable[[], object], *, seconds: float = WAIT_SECONDS) -> None:
    async with asyncio.timeout(seconds):
        while not is_so():
            await asyncio.sleep(0.01)
