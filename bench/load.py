"""The load: a process that speaks HTTP/1.1 over kept connections, as fast as it is answered.

Reads one JSON order a line, prints one JSON result a line. An order with `traffic` defines what is sent under a
name; an order with `seconds` sends it. Each connection has one request under way and sends the next when the
answer is whole.
"""

import asyncio
import json
import re
import statistics
import sys
import time
from collections import Counter
from functools import partial
from typing import Any, Protocol

import uvloop

MAX_SECONDS, MAX_REQUESTS, PATIENCE_SECONDS = 120, 5_000_000, 15

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_REFRESH_TOKEN = re.compile(rb'"refresh_token": ?"([^"]+)"')


class Traffic(Protocol):
    """What the connections send; `slot` is the number of a connection."""

    def next(self, slot: int) -> bytes:
        """The request that a connection sends now."""

    def answered(self, slot: int, body: bytes) -> None:
        """Take note of an answer."""


class Rotation:
    """The same few requests, again and again."""

    def __init__(self, requests: list[str]) -> None:
        self._requests = [request.encode("latin-1") for request in requests]
        self._sent = 0

    def next(self, slot: int) -> bytes:
        self._sent += 1
        return self._requests[self._sent % len(self._requests)]

    def answered(self, slot: int, body: bytes) -> None:
        return


class Chain:
    """Each connection spends the refresh token that its last answer gave. `head` ends before Content-Length.

    `body` holds `%s` where the token goes.
    """

    def __init__(self, head: str, tokens: list[str], body: str = '{"refresh_token":"%s"}') -> None:
        self._head = head.encode("latin-1")
        self._body = body.encode().replace(b"%s", b"%b")
        self._tokens = [token.encode() for token in tokens]

    def next(self, slot: int) -> bytes:
        body = self._body % self._tokens[slot]
        return b"%bcontent-length: %d\r\n\r\n%b" % (self._head, len(body), body)

    def answered(self, slot: int, body: bytes) -> None:
        found = _REFRESH_TOKEN.search(body)
        if found is not None:
            self._tokens[slot] = found[1]


class Once:
    """Each of many tokens is spent once. `head` ends before Content-Length; `body` holds `%s` where the token goes."""

    def __init__(self, head: str, tokens: list[str], body: str) -> None:
        self._head = head.encode("latin-1")
        self._before, _, self._after = body.encode().partition(b"%s")
        self._tokens = iter([token.encode() for token in tokens])

    def next(self, slot: int) -> bytes:
        body = self._before + next(self._tokens) + self._after
        return b"%bcontent-length: %d\r\n\r\n%b" % (self._head, len(body), body)

    def answered(self, slot: int, body: bytes) -> None:
        return


class Burst:
    """One round of one traffic, with at most `each` requests on a connection."""

    def __init__(self, traffic: Traffic, seconds: float, *, each: int = MAX_REQUESTS) -> None:
        self._traffic = traffic
        self._each = each
        self._sent: Counter[int] = Counter()
        self._stop_at = time.perf_counter() + seconds
        self.statuses: Counter[str] = Counter()
        self.latencies: list[float] = []
        self.refused = b""

    def next(self, slot: int) -> bytes | None:
        """The next request of a connection, or None when the round is over."""
        if time.perf_counter() >= self._stop_at or len(self.latencies) >= MAX_REQUESTS:
            return None
        if self._sent[slot] >= self._each:
            return None
        self._sent[slot] += 1
        return self._traffic.next(slot)

    def answered(self, slot: int, status: bytes, body: bytes, seconds: float) -> None:
        self.latencies.append(seconds)
        self.statuses[status.decode()] += 1
        if not status.startswith(b"2"):
            self.refused = body
        self._traffic.answered(slot, body)


class Connection(asyncio.Protocol):
    """One kept connection. `done` ends when the round does, or when the server hangs up."""

    def __init__(self, burst: Burst, slot: int) -> None:
        self._burst = burst
        self._slot = slot
        self._received = b""
        self._body_at = self._length = 0
        self._sent_at = 0.0
        self._transport: Any = None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def send(self) -> None:
        request = self._burst.next(self._slot)
        if request is None:
            self.done.set_result(None)
            self._transport.close()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received = received = self._received + data
        if not self._length:
            end = received.find(b"\r\n\r\n")
            if end < 0:
                return
            found = _LENGTH.search(received, 0, end + 2)
            if found is None:
                self.done.set_exception(ConnectionError("an answer without Content-Length"))
                return
            self._body_at = end + 4
            self._length = self._body_at + int(found[1])
        if len(received) < self._length:
            return
        waited = time.perf_counter() - self._sent_at
        self._burst.answered(self._slot, received[9:12], received[self._body_at :], waited)
        self._received, self._length = b"", 0
        self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the server hung up"))


async def fire(traffic: Traffic, *, port: int, connections: int, seconds: float) -> dict[str, Any]:
    """One round. All connections are made before the first request goes out."""
    loop = asyncio.get_running_loop()
    burst = Burst(traffic, seconds)
    made = [
        (await loop.create_connection(partial(Connection, burst, slot), "127.0.0.1", port))[1]
        for slot in range(connections)
    ]
    started = time.perf_counter()
    for connection in made:
        connection.send()
    async with asyncio.timeout(seconds + PATIENCE_SECONDS):
        await asyncio.gather(*(connection.done for connection in made))
    elapsed = time.perf_counter() - started
    percentiles = statistics.quantiles(burst.latencies, n=100) if len(burst.latencies) > 1 else [0.0] * 99
    return {
        "requests": len(burst.latencies),
        "seconds": elapsed,
        "p50_ms": percentiles[49] * 1000,
        "p99_ms": percentiles[98] * 1000,
        "refused": sum(count for status, count in burst.statuses.items() if not status.startswith("2")),
        "refusal": burst.refused.decode(errors="replace")[:300],
    }


def main() -> None:
    """Take orders until the input ends."""
    traffics: dict[str, Traffic] = {}
    for line in sys.stdin:
        order = json.loads(line)
        if "traffic" in order:
            kind = {"rotation": Rotation, "chain": Chain, "once": Once}[order["kind"]]
            traffics[order["name"]] = kind(**order["traffic"])
            result: dict[str, Any] = {}
        else:
            seconds = min(float(order["seconds"]), MAX_SECONDS)
            traffic = traffics[order["name"]]
            result = uvloop.run(fire(traffic, port=order["port"], connections=order["connections"], seconds=seconds))
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
