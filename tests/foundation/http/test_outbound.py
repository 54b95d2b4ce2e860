"""How a request of ours is sent and what is read of its answer."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from ipaddress import ip_network
from pathlib import Path

import pytest

from app.foundation.http.egress import Egress
from app.foundation.http.outbound import CallFailed, Failure, Outbound
from tests.foundation.http.receivers import Names, answering, certificates, request_head, server

pytestmark = pytest.mark.anyio

LOOPBACK = ip_network("127.0.0.0/8")


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    made = Outbound(Egress(networks=[LOOPBACK]))
    yield made
    await made.close()


async def failure(outbound: Outbound, url: str, **given: object) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        await outbound.send("GET", url, purpose="test", **({"max_bytes": 100} | given))  # type: ignore[arg-type]
    return caught.value


async def test_answer_comes_whole_and_the_request_says_who_asks(outbound: Outbound) -> None:
    seen: list[str] = []
    async with server(answering("201 Created", b"hello", "X-Thing: yes", seen=seen)) as port:
        answer = await outbound.send(
            "POST",
            f"http://127.0.0.1:{port}/in?a=b",
            purpose="test",
            max_bytes=5,
            content=b"{}",
            headers={"X-Own": "1"},
        )
    assert (answer.status, answer.body, answer.headers["x-thing"]) == (201, b"hello", "yes")
    head = seen[0].lower()
    assert head.startswith("post /in?a=b http/1.1")
    assert "user-agent: auth-service/" in head
    assert "\r\ntraceparent: 00-" in head
    assert "accept-encoding: identity" in head
    assert "x-own: 1" in head
    assert f"host: 127.0.0.1:{port}" in head


async def test_connection_is_used_again(outbound: Outbound) -> None:
    connections = 0
    talk = answering()

    async def counting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await talk(reader, writer)

    async with server(counting) as port:
        for _ in range(3):
            await outbound.send("GET", f"http://127.0.0.1:{port}/", purpose="test", max_bytes=100)
    assert connections == 1


async def test_redirect_is_an_answer_and_not_followed(outbound: Outbound) -> None:
    seen: list[str] = []
    async with server(answering("302 Found", b"", "Location: http://127.0.0.1:1/inside", seen=seen)) as port:
        answer = await outbound.send("GET", f"http://127.0.0.1:{port}/", purpose="test", max_bytes=100)
    assert answer.status == 302
    assert len(seen) == 1


async def test_proxy_of_the_environment_is_not_used(outbound: Outbound, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with server(answering()) as port:
        assert (await outbound.send("GET", f"http://127.0.0.1:{port}/", purpose="test", max_bytes=100)).status == 200


@pytest.mark.attack("HOK-03")
async def test_long_answer_is_cut_off_and_the_rest_never_read(outbound: Outbound) -> None:
    sent = 0
    ended = asyncio.Event()

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await request_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        try:
            while sent < 100_000_000:
                writer.write(b"x" * 65_536)
                await writer.drain()
                sent += 65_536
        finally:
            ended.set()

    async with server(flood) as port:
        failed = await failure(outbound, f"http://127.0.0.1:{port}/", max_bytes=1000)
        await asyncio.wait_for(ended.wait(), 30)
    assert (failed.failure, failed.status, len(failed.body)) == (Failure.TOO_LARGE, 200, 1000)
    assert sent < 50_000_000


async def test_packed_answer_is_unpacked_and_counts_as_it_is_unpacked(outbound: Outbound) -> None:
    async with server(answering("200 OK", gzip.compress(b"hello"), "Content-Encoding: gzip")) as port:
        answer = await outbound.send("GET", f"http://127.0.0.1:{port}/", purpose="test", max_bytes=100)
        assert answer.body == b"hello"
    async with server(answering("200 OK", gzip.compress(b"x" * 50_000_000), "Content-Encoding: gzip")) as port:
        failed = await failure(outbound, f"http://127.0.0.1:{port}/")
        assert (failed.failure, len(failed.body)) == (Failure.TOO_LARGE, 100)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip"])
async def test_answer_packed_otherwise_is_refused(outbound: Outbound, encoding: str) -> None:
    async with server(answering("200 OK", b"xxx", f"Content-Encoding: {encoding}")) as port:
        assert (await failure(outbound, f"http://127.0.0.1:{port}/")).failure is Failure.BROKEN


@pytest.mark.attack("HOK-03")
async def test_dripping_answer_ends_at_the_total_time(outbound: Outbound) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with server(drip) as port:
        failed = await failure(outbound, f"http://127.0.0.1:{port}/", total_seconds=0.5)
    assert (failed.failure, failed.status) == (Failure.TIMEOUT, 200)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x" * 200_000,
    ],
)
async def test_broken_answer_is_a_failure(outbound: Outbound, sent: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        writer.write(sent)
        await writer.drain()

    async with server(talk) as port:
        assert (await failure(outbound, f"http://127.0.0.1:{port}/")).failure is Failure.BROKEN


async def test_nobody_at_home_is_a_failure(outbound: Outbound) -> None:
    async with server(answering()) as port:
        pass
    assert (await failure(outbound, f"http://127.0.0.1:{port}/")).failure is Failure.CONNECT


@pytest.mark.attack("HOK-01")
async def test_refused_target_meets_no_connection(outbound: Outbound) -> None:
    seen: list[str] = []
    async with server(answering(seen=seen)) as port:
        closed = Outbound(Egress())
        try:
            for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]"):
                assert (await failure(closed, f"https://{host}:{port}/")).failure is Failure.REFUSED
        finally:
            await closed.close()
    assert seen == []


@pytest.mark.attack("HOK-01")
async def test_name_that_changes_its_mind_is_looked_up_once_and_judged_each_time() -> None:
    """DNS rebinding: public when the URL is kept and inside when it is called, or between two look-ups of one call."""
    seen: list[str] = []
    names = Names(rebinding_example_com=["93.184.216.34", "127.0.0.1"])
    outbound = Outbound(Egress(resolver=names))
    try:
        async with server(answering(seen=seen)) as port:
            await outbound.egress.check(f"https://rebinding.example.com:{port}/")
            failed = await failure(outbound, f"https://rebinding.example.com:{port}/")
    finally:
        await outbound.close()
    assert failed.failure is Failure.REFUSED
    assert seen == []
    assert len(names.asked) == 2


async def test_certificate_is_checked_against_the_name_and_not_the_address(tmp_path: Path) -> None:
    server_side, trusting = certificates(tmp_path, "hooks.internal")
    seen: list[str] = []
    names = Names(hooks_internal=["127.0.0.1"], other_internal=["127.0.0.1"])
    outbound = Outbound(Egress(hosts=frozenset({"hooks.internal", "other.internal"}), resolver=names), tls=trusting)
    distrusting = Outbound(Egress(hosts=frozenset({"hooks.internal"}), resolver=names))
    try:
        async with server(answering(seen=seen), tls=server_side) as port:
            answer = await outbound.send("GET", f"https://hooks.internal:{port}/", purpose="test", max_bytes=100)
            assert answer.status == 200
            assert f"host: hooks.internal:{port}" in seen[0].lower()
            assert (await failure(outbound, f"https://other.internal:{port}/")).failure is Failure.TLS
            assert (await failure(distrusting, f"https://hooks.internal:{port}/")).failure is Failure.TLS
    finally:
        await outbound.close()
        await distrusting.close()


async def test_second_address_is_tried_when_the_first_is_dead() -> None:
    async with server(answering()) as port:
        outbound = Outbound(
            Egress(hosts=frozenset({"hooks.internal"}), resolver=Names(hooks_internal=["127.0.0.2 127.0.0.1"]))
        )
        try:
            answer = await outbound.send("GET", f"http://hooks.internal:{port}/", purpose="test", max_bytes=100)
        finally:
            await outbound.close()
    assert answer.status == 200
