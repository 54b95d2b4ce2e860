"""The bench of revocation counts what it says it counts: a tiny run, and its counting alone."""

import asyncio
import os
import sys
import time
from pathlib import Path

import pytest

from bench.probing import PROMISED_SECONDS, Ended, Service, Wire, accept_all, refuse_all
from bench.processes import BenchError
from bench.revocation_delay import Plan, take
from bench.service import backend


@pytest.mark.skipif(sys.platform != "linux" or (os.cpu_count() or 1) < 2, reason="the bench needs Linux and two cores")
def test_what_is_revoked_is_refused_by_a_follower_that_asks_nobody(tmp_path: Path) -> None:
    with backend(tmp_path) as base:
        text, found = take(base, Plan(rate=20, seconds=0.5, services=1))
    assert found["sessions"] == 10
    assert len(found["delays_ms"]) == 10
    assert found["calls_to_end"] == 10
    zero = ("never_refused", "wrongly_refused", "wrongly_accepted")
    assert {name: found[name] for name in zero} == dict.fromkeys(zero, 0)
    assert found["calls_for_requests"] == {}
    assert "| ending is asked for → refused |" in text


def test_a_token_that_is_accepted_a_second_after_the_answer_is_counted() -> None:
    service, now = Service(pid=0, port=1), time.monotonic()
    ended = Ended(b"", asked_at=now - 3, told_at=now - 2)
    assert not service.note(ended, now - 2 + PROMISED_SECONDS / 2, 200)
    assert service.accepted_late == 0
    assert not service.note(ended, now, 200)
    assert service.accepted_late == 1
    assert service.note(ended, now, 401)
    assert service.delays[0] >= 3


def test_an_answer_that_is_neither_is_no_figure() -> None:
    with pytest.raises(BenchError, match="answered 503"):
        Service(pid=0, port=1).note(Ended(b"", asked_at=time.monotonic()), time.monotonic(), 503)


@pytest.mark.anyio
async def test_what_a_service_does_with_every_token_is_looked_at_before_and_after() -> None:
    ended: list[asyncio.Task[None]] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await reader.read(100):
            status, body = ("200", b"{}") if b"live" in request else ("401", b"no")
            # In two pieces, as an answer may come.
            writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n".encode())
            await writer.drain()
            writer.write(body)
        writer.close()
        await writer.wait_closed()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ended.append(asyncio.create_task(answer(reader, writer)))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        service = Service(pid=0, port=server.sockets[0].getsockname()[1])
        await accept_all([service], [b"live"] * 6)
        with pytest.raises(BenchError, match="2 live tokens were refused"):
            await accept_all([service], [b"live", b"dead", b"dead"])
        await refuse_all([service], [b"live", b"dead", b"dead", b"dead"])
        wire = await Wire.open(service.port)
        assert [await wire.ask(b"live"), await wire.ask(b"dead")] == [200, 401]
        wire.close()
        await asyncio.gather(*ended)
    assert service.accepted_again == 1
