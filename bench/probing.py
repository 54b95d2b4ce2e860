"""Tokens that were revoked, shown again and again to services until each refuses them."""

import asyncio
import re
import time
from dataclasses import dataclass, field
from typing import Any

from bench.measure import get_request
from bench.processes import BenchError

# How long after a probe the same token is shown to the same service again: what a delay may seem longer than it is.
PROBE_EVERY = 0.1
PROMISED_SECONDS = 1.0
_CONNECTIONS = 4
_PATIENCE_SECONDS = 15.0

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Wire(asyncio.Protocol):
    """A kept connection with one request under way."""

    def __init__(self) -> None:
        self.body = b""
        self._received = b""
        self._answer: asyncio.Future[int] | None = None
        self._transport: Any = None

    @classmethod
    async def open(cls, port: int) -> "Wire":
        """A connection to that port of this machine."""
        _, wire = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        return wire

    async def ask(self, request: bytes) -> int:
        """Send it; the status of the answer. Raises BenchError."""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                return await self._answer
        except TimeoutError:
            raise BenchError(f"no answer in {_PATIENCE_SECONDS:g} s") from None

    def close(self) -> None:
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not found or (length is not None and len(body) < int(length[1])):
            return
        self._received = b""
        self.body = body
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(int(head[9:12]))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(BenchError(f"hung up: {exc}"))


@dataclass(slots=True)
class Ended:
    """A session that is ended: the request that its token goes with, and when; by the clock that never goes back."""

    request: bytes
    asked_at: float = 0.0
    told_at: float | None = None


@dataclass(slots=True)
class Service:
    """What one service answered. `delays` are from asking that a session ends until its token was first refused."""

    pid: int
    port: int
    delays: list[float] = field(default_factory=list)
    since_told: list[float] = field(default_factory=list)
    probes: int = 0
    accepted_late: int = 0
    accepted_again: int = 0
    kept_refused: int = 0
    kept_probes: int = 0
    waiting: "asyncio.PriorityQueue[tuple[float, int, Ended]]" = field(default_factory=asyncio.PriorityQueue)

    def show(self, ended: Ended, due: float) -> None:
        """Have its token shown at that moment."""
        self.waiting.put_nowait((due, id(ended), ended))

    def note(self, ended: Ended, sent_at: float, status: int) -> bool:
        """Count a probe; whether it was the refusal that is waited for. Raises BenchError for any other answer."""
        now = time.monotonic()
        self.probes += 1
        if status == 401:
            self.delays.append(now - ended.asked_at)
            self.since_told.append(0.0 if ended.told_at is None else now - ended.told_at)
            return True
        if status != 200:
            raise BenchError(f"a probe was answered {status}")
        if ended.told_at is not None and sent_at - ended.told_at > PROMISED_SECONDS:
            self.accepted_late += 1
        return False


async def accept_all(services: list[Service], requests: list[bytes]) -> None:
    """Show every token to every service, which must accept it. Raises BenchError."""
    for service, refused in zip(services, await _show_all(services, requests, wanted=200), strict=True):
        if refused:
            raise BenchError(f"{refused} live tokens were refused at {service.port}")


async def refuse_all(services: list[Service], requests: list[bytes]) -> None:
    """Show every token to every service once more, and count those that are accepted again."""
    for service, accepted in zip(services, await _show_all(services, requests, wanted=401), strict=True):
        service.accepted_again += accepted


async def _show_all(services: list[Service], requests: list[bytes], *, wanted: int) -> list[int]:
    async def show(service: Service, part: list[bytes]) -> int:
        wire = await Wire.open(service.port)
        try:
            return sum([await wire.ask(request) != wanted for request in part])
        finally:
            wire.close()

    async def share(service: Service) -> int:
        parts = (requests[start::_CONNECTIONS] for start in range(_CONNECTIONS))
        return sum(await asyncio.gather(*(show(service, part) for part in parts)))

    return list(await asyncio.gather(*(share(service) for service in services)))


async def probe(service: Service) -> None:
    """Show the service what is in its queue, until it is refused: as many at once as there are connections."""

    async def work() -> None:
        wire = await Wire.open(service.port)
        try:
            while True:
                due, _, ended = await service.waiting.get()
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                sent_at = time.monotonic()
                if not service.note(ended, sent_at, await wire.ask(ended.request)):
                    service.show(ended, sent_at + PROBE_EVERY)
        finally:
            wire.close()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(_CONNECTIONS):
            tasks.create_task(work())


async def keep_asking(service: Service, request: bytes) -> None:
    """Show the token of a session that lives, all the while, and count what is refused."""
    wire = await Wire.open(service.port)
    try:
        while True:
            service.kept_refused += await wire.ask(request) != 200
            service.kept_probes += 1
            await asyncio.sleep(PROBE_EVERY)
    finally:
        wire.close()


def probe_of(token: str) -> bytes:
    """The request that shows a token."""
    return get_request("/orders", token).encode("latin-1")
