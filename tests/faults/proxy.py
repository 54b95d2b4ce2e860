"""A TCP proxy on loopback that stands before an engine and breaks the network on demand.

It runs in a thread of its own, so that a busy test does not slow what passes through it.
"""

import asyncio
import contextlib
import socket
import struct
import threading
from enum import StrEnum
from typing import Self

_CHUNK = 65_536
_DRIP_SECONDS = 0.05


class Fault(StrEnum):
    """What the proxy does to connections, old and new."""

    PASS = "pass"
    # Nobody listens, and what was open is reset.
    REFUSE = "refuse"
    # Packets vanish. What was sent meanwhile arrives after the heal, as TCP sends it again.
    BLACKHOLE = "blackhole"
    # Every answer of the engine comes `seconds` late.
    DELAY = "delay"
    # Answers come one byte at a time.
    DRIP = "drip"
    # Requests reach the engine; instead of its answer the client gets a reset.
    RESET = "reset"
    # The same once the engine has said all and closed, as it does where the client asked it to; `swallowed` holds it.
    SWALLOW = "swallow"
    # Half of the next answer, then the end.
    TRUNCATE = "truncate"


class Proxy:
    """Forwards connections to `target`, a path of a unix socket or a pair of host and port."""

    def __init__(self, target: str | tuple[str, int]) -> None:
        self._target = target
        self._fault = Fault.PASS
        self._seconds = 0.0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flows = asyncio.Event()
        self._until_cut: int | None = None
        self.has_cut = False
        # What the engine answered last that its client did not get.
        self.swallowed = b""
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def set(self, fault: Fault, *, seconds: float = 0.0) -> None:
        """From now on do this to every connection."""
        self._run(self._set(fault, seconds))

    def switch(self, target: str | tuple[str, int]) -> None:
        """From now on forward to another engine; what was open is reset."""
        self._run(self._switch(target))

    def cut_after(self, messages: int) -> None:
        """Refuse everything from the moment at which the clients have sent so many messages, that one not passed on."""
        self._until_cut, self.has_cut = messages, False

    def _run(self, work) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _set(self, fault: Fault, seconds: float) -> None:
        self._fault, self._seconds = fault, seconds
        if fault is not Fault.REFUSE:
            self._until_cut = None
        if fault is Fault.BLACKHOLE:
            self._flows.clear()
        else:
            self._flows.set()
        if fault is Fault.REFUSE:
            await self._stop_listening()
            for client in list(self._clients):
                _reset(client)
        else:
            await self._listen()

    async def _switch(self, target: str | tuple[str, int]) -> None:
        self._target = target
        for client in list(self._clients):
            _reset(client)

    async def _listen(self) -> None:
        if self._server is None:
            self._flows.set()
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, backlog=512)
            self.port = self._server.sockets[0].getsockname()[1]

    async def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _close(self) -> None:
        await self._stop_listening()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._tasks.add(task)
        self._clients.add(client)
        server = None
        try:
            await self._flows.wait()
            engine, server = await self._connect()
            pumps = [asyncio.create_task(self._ask(reader, server)), asyncio.create_task(self._answer(engine, client))]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            _reset(client)
        finally:
            self._tasks.discard(task)
            self._clients.discard(client)
            for writer in (client, server):
                if writer is not None:
                    with contextlib.suppress(OSError):
                        writer.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._target, str):
            return await asyncio.open_unix_connection(self._target)
        return await asyncio.open_connection(*self._target)

    async def _ask(self, reader: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK):
                await self._flows.wait()
                if self._until_cut is not None:
                    self._until_cut -= 1
                    if self._until_cut <= 0:
                        self._until_cut, self.has_cut = None, True
                        await self._set(Fault.REFUSE, 0)
                        return
                server.write(data)
                await server.drain()

    async def _answer(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK):
                await self._flows.wait()
                match self._fault:
                    case Fault.RESET:
                        _reset(client)
                        return
                    case Fault.SWALLOW:
                        self.swallowed = data + await reader.read()
                        _reset(client)
                        return
                    case Fault.TRUNCATE:
                        client.write(data[: len(data) // 2])
                        await client.drain()
                        return
                    case Fault.DRIP:
                        await self._drip(data, client)
                    case Fault.DELAY:
                        await asyncio.sleep(self._seconds)
                        client.write(data)
                    case _:
                        client.write(data)
                await client.drain()

    async def _drip(self, data: bytes, client: asyncio.StreamWriter) -> None:
        for number in range(len(data)):
            if self._fault is not Fault.DRIP:
                client.write(data[number:])
                return
            client.write(data[number : number + 1])
            await client.drain()
            await asyncio.sleep(_DRIP_SECONDS)


def _reset(client: asyncio.StreamWriter) -> None:
    """Cut a connection by RST: what is on its way is lost."""
    if client.transport.is_closing():
        return
    sock = client.get_extra_info("socket")
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.transport.abort()
