"""Ten thousand followers of the feed on one web process, while revocations go on: delay, CPU, memory for each.

    python -m bench.followers [--followers N] [--rate R] [--seconds S] [--no-gzip]

One process serves, pinned to a core; another holds every follower's connection and notes when each batch arrives. A
revocation's delay is from its commit until a follower has the batch that holds it, for every follower.
"""

import argparse
import asyncio
import base64
import re
import resource
import sys
import tempfile
import time
import zlib
from array import array
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import asyncpg
import uvloop

from app.revocation.kinds import RevocationKind
from app.settings import Settings
from app.wiring import Services, build
from bench.apps import AUDIENCE
from bench.machines import register_client
from bench.processes import LOAD_CORE, SERVER_CORE, BenchError, cpu_seconds, memory_mib, pin
from bench.service import Backend, backend, service

FOLLOWERS, RATE, SECONDS = 10_000, 20.0, 20.0
# Connections that are opened at once: each is a client's authentication and the first batch.
_AT_ONCE = 50
_JOIN_SECONDS = 300.0
# Without pause for those who are served: files of a process besides connections.
_OTHER_FILES = 300
# How a part of a deflated stream ends that is written out whole.
_FLUSHED = b"\x00\x00\xff\xff"
_CURSOR = re.compile(rb"id: [0-9a-f]{32}\.(\d+)\n")


class Follower(asyncio.Protocol):
    """One connection, and the last number that it has heard of."""

    def __init__(self, request: bytes, heard: "Heard") -> None:
        self._request = request
        self._heard = heard
        self._rest = b""
        self._packed = False
        self._part = b""
        self._position = -1
        self.joined = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Of uvloop's, which is no subclass.
        cast("asyncio.Transport", transport).write(self._request)

    def data_received(self, data: bytes) -> None:
        self._heard.bytes += len(data)
        if not self.joined.done():
            head, found, data = (self._rest + data).partition(b"\r\n\r\n")
            if not found:
                self._rest = head
                return
            self._rest = b""
            if not head.startswith(b"HTTP/1.1 200"):
                self.joined.set_exception(BenchError(head.decode("latin-1")))
                return
            if b"gzip" in head:
                self._packed = True
            self.joined.set_result(None)
        self._read(_content(data))

    def _read(self, content: bytes) -> None:
        content = self._part + content
        if self._packed and not content.endswith(_FLUSHED):
            self._part = content
            return
        self._part = b""
        positions = self._heard.positions.get(content)
        if positions is None:
            positions = self._heard.positions[content] = self._positions(content)
        for position in positions:
            if position > self._position:
                self._heard.note(self._position, position)
                self._position = position

    def _positions(self, content: bytes) -> list[int]:
        """What a part tells. All followers get the same bytes, which are unpacked once."""
        text = content
        if self._packed:
            # Each part looks back to nothing; the first one has a frame about it.
            text = zlib.decompressobj(wbits=31 if content.startswith(b"\x1f\x8b") else -zlib.MAX_WBITS).decompress(
                content
            )
        return [int(match[1]) for match in _CURSOR.finditer(text)]

    def connection_lost(self, error: Exception | None) -> None:
        if not self.joined.done():
            self.joined.set_exception(BenchError(f"hung up: {error}"))
        self._heard.lost += 1


def _content(chunks: bytes) -> bytes:
    """What chunks hold. Each arrives whole here but for the largest, whose rest has no head of its own."""
    parts: list[bytes] = []
    while chunks:
        size, found, rest = chunks.partition(b"\r\n")
        if not found or len(size) > 8:
            return b"".join((*parts, chunks))
        length = int(size, 16)
        parts.append(rest[:length])
        chunks = rest[length + 2 :]
    return b"".join(parts)


class Heard:
    """What all followers together have heard, and when."""

    def __init__(self) -> None:
        self.first, self.last, self.at = array("q"), array("q"), array("d")
        self.positions: dict[bytes, list[int]] = {}
        self.bytes = 0
        self.lost = 0

    def note(self, before: int, position: int) -> None:
        if before >= 0:
            self.first.append(before + 1)
            self.last.append(position)
            self.at.append(time.time())

    def delays(self, committed: dict[int, float]) -> "array[float]":
        """Of each revocation at each follower, sorted."""
        found = array("d")
        for first, last, at in zip(self.first, self.last, self.at, strict=True):
            found.extend(at - committed[seq] for seq in range(first, last + 1) if seq in committed)
        return array("d", sorted(found))


async def revoke(services: Services, *, rate: float, seconds: float) -> dict[str, float]:
    """Revoke sessions that nobody has at that rate, each in its own transaction; when each had committed."""
    done: dict[str, float] = {}
    began_at = time.monotonic()
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, began_at + number / rate - time.monotonic()))
        name = uuid4().hex
        async with services.db.transaction() as tx:
            await services.revocations.add(tx, RevocationKind.SID, name, reason="bench")
        done[name] = time.time()
        await services.wake.tell()
    return done


def follow_request(client: tuple[str, str], *, gzip: bool) -> bytes:
    """What a follower sends."""
    basic = base64.b64encode(":".join(client).encode()).decode()
    return (
        f"GET /auth/revocations HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Basic {basic}\r\n"
        f"Accept: text/event-stream\r\nAccept-Encoding: {'gzip' if gzip else 'identity'}\r\n\r\n"
    ).encode()


async def committed(base: Backend, done: dict[str, float]) -> dict[int, float]:
    """When each number had committed."""
    connection = await asyncpg.connect(base.dsn)
    try:
        rows = await connection.fetch("SELECT seq, target FROM revocations WHERE target = ANY($1)", list(done))
    finally:
        await connection.close()
    return {row["seq"]: done[row["target"]] for row in rows}


async def measure(options: argparse.Namespace, base: Backend, port: int, pid: int, client: tuple[str, str]) -> None:
    """Connect everybody, revoke, and print the figures."""
    request = follow_request(client, gzip=not options.no_gzip)
    heard, loop = Heard(), asyncio.get_running_loop()
    before_mib = memory_mib(pid)[0]
    turns = asyncio.Semaphore(_AT_ONCE)

    async def join() -> None:
        async with turns:
            _, follower = await loop.create_connection(lambda: Follower(request, heard), "127.0.0.1", port)
            await follower.joined

    async with asyncio.timeout(_JOIN_SECONDS):
        await asyncio.gather(*(join() for _ in range(options.followers)))
    grown_mib = memory_mib(pid)[0] - before_mib
    services = build(Settings(**settings_of(base)))
    await services.db.open()
    heard.bytes, cpu, began_at = 0, cpu_seconds(pid), time.monotonic()
    done = await revoke(services, rate=options.rate, seconds=options.seconds)
    await asyncio.sleep(3)
    took, used = time.monotonic() - began_at, cpu_seconds(pid) - cpu
    await services.close()
    delays = heard.delays(await committed(base, done))
    expected = len(done) * options.followers
    if not delays:
        raise BenchError("nobody heard of anything")
    print(
        f"{options.followers:,} followers, {options.rate:g} revocations/s for {options.seconds:g} s: "
        f"p50 {delays[len(delays) // 2] * 1000:.0f} ms, p99 {delays[int(len(delays) * 0.99)] * 1000:.0f} ms, "
        f"most {delays[-1] * 1000:.0f} ms; {len(delays):,} of {expected:,} heard, {heard.lost} hung up; "
        f"{grown_mib * 1024 / options.followers:.1f} kB each, {used / took:.0%} of a core, "
        f"{heard.bytes / took / options.followers / 1000:.2f} kB/s each"
    )


def settings_of(base: Backend) -> dict[str, Any]:
    """For services of the bench's own, beside those that serve."""
    return {
        "environment": "development",
        "public_url": "http://127.0.0.1",
        "database": {"url": base.engines.database_url},
        "redis": {"url": base.engines.redis_url},
        "encryption": {"keys": base.encryption_key},
    }


def raise_file_limit(followers: int) -> int:
    """Let this process, and those that it starts, open a file for each follower; how many there may be then."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = followers + _OTHER_FILES
    if hard != resource.RLIM_INFINITY and hard < wanted:
        print(f"only {hard} files may be open here: {hard - _OTHER_FILES} followers", file=sys.stderr)
        wanted = hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted - _OTHER_FILES


def main() -> None:
    """Start engines and one web process of its own."""
    parser = argparse.ArgumentParser(prog="python -m bench.followers", description=__doc__)
    parser.add_argument("--followers", type=int, default=FOLLOWERS)
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--no-gzip", action="store_true")
    options = parser.parse_args()
    options.followers = min(options.followers, raise_file_limit(options.followers))
    with (
        tempfile.TemporaryDirectory(prefix="followers-") as folder,
        backend(Path(folder)) as base,
        service(base, core=SERVER_CORE) as auth,
    ):
        named = ("--name", "follower", "--audience", AUDIENCE, "--scope", "revocations:read")
        client = register_client(auth, *named)
        pin(LOAD_CORE)
        uvloop.run(measure(options, base, auth.port, auth.pid, client))


if __name__ == "__main__":
    main()
