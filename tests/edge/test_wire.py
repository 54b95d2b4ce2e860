"""Bytes on a connection: what the protocol refuses before any application sees it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from app.foundation.http_protocol import BoundedProtocol
from tests.edge.support import application

pytestmark = pytest.mark.anyio

HEAD = b"Host: auth.example.com\r\n"
JSON = HEAD + b"Content-Type: application/json\r\n"


class QuickProtocol(BoundedProtocol):
    """The same with shorter waits."""

    header_seconds = 0.2
    body_seconds = 0.2
    discard_seconds = 0.2


Exchange = Callable[..., Any]


@pytest.fixture(params=[BoundedProtocol], ids=["waits"])
async def port(request: pytest.FixtureRequest) -> AsyncIterator[int]:
    protocol = request.param
    config = Config(application(), log_config=None, access_log=False, ws="none", http=protocol, timeout_keep_alive=60)
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: protocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    for connection in list(state.connections):
        connection.transport.abort()
    await server.wait_closed()


quick = pytest.mark.parametrize("port", [QuickProtocol], indirect=True, ids=["quick"])


async def exchange(port: int, *parts: bytes, close: bool = True) -> list[tuple[int, dict[str, str], bytes]]:
    """Send bytes and read every answer until the server has no more to say."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answers = []
    try:
        for part in parts:
            writer.write(part)
            try:
                await writer.drain()
            except ConnectionError:
                break
        async with asyncio.timeout(60):
            while True:
                try:
                    head = await reader.readuntil(b"\r\n\r\n")
                except (asyncio.IncompleteReadError, ConnectionError):
                    return answers
                status, *lines = head.decode("latin-1").split("\r\n")[:-2]
                headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
                body = await reader.readexactly(int(headers["content-length"]))
                answers.append((int(status.split()[1]), headers, body))
                if close and not reader.at_eof() and headers.get("connection") != "close":
                    return answers
    finally:
        writer.close()


def assert_problem(answer: tuple[int, dict[str, str], bytes], status: int, code: str) -> None:
    found, headers, raw = answer
    body = json.loads(raw)
    assert (found, body["code"]) == (status, code)
    assert headers["content-type"] == "application/problem+json"
    assert body["trace_id"] == headers["x-trace-id"]


async def test_a_request_is_served(port):
    answers = await exchange(port, b"GET /origin HTTP/1.1\r\n" + HEAD + b"\r\n")
    assert answers[0][0] == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET /origin HTTP/1.1\r\nHo st: x\r\n\r\n",
        b"GET /origin HTTP/1.1\r\n" + HEAD + b"X: a\0b\r\n\r\n",
        b"POST /hot HTTP/1.1\r\n" + JSON + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
        b"POST /hot HTTP/1.1\r\n" + JSON + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /hot HTTP/1.1\r\n" + JSON + b"Content-Length: -1\r\n\r\n{}",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
async def test_what_is_no_http_is_answered_with_a_problem_and_closed(port, sent):
    answers = await exchange(port, sent)
    assert len(answers) == 1
    assert_problem(answers[0], 400, "malformed_request")
    assert answers[0][1]["connection"] == "close"


@pytest.mark.attack("JWT-14")
async def test_a_header_without_end_is_refused_before_it_is_collected(port):
    start = b"GET /origin HTTP/1.1\r\n" + HEAD + b"Authorization: Bearer "
    answers = await exchange(port, start, *[b"x" * 4096] * 8)
    assert_problem(answers[0], 431, "headers_too_large")
    assert answers[0][1]["connection"] == "close"


async def test_a_request_line_without_end_is_refused(port):
    answers = await exchange(port, b"GET /", *[b"x" * 4096] * 8)
    assert_problem(answers[0], 431, "headers_too_large")


async def test_whole_headers_beyond_the_limit_are_refused_by_the_edge(port):
    sent = b"GET /origin HTTP/1.1\r\n" + HEAD + b"X-Large: " + b"x" * 17_000 + b"\r\n\r\n"
    assert_problem((await exchange(port, sent))[0], 431, "headers_too_large")


async def test_a_large_body_in_the_first_packet_is_no_large_header(port):
    body = b'{"name": "' + b"x" * 60_000 + b'"}'
    sent = b"POST /hot HTTP/1.1\r\n" + JSON + b"Content-Length: %d\r\n\r\n" % len(body) + body
    assert_problem((await exchange(port, sent))[0], 422, "validation_failed")


@pytest.mark.attack("DOS-01")
async def test_a_chunked_body_beyond_the_limit_is_refused_while_it_arrives(port):
    chunk = b"2000\r\n" + b" " * 8192 + b"\r\n"
    answers = await exchange(
        port, b"POST /hot HTTP/1.1\r\n" + JSON + b"Transfer-Encoding: chunked\r\n\r\n", *[chunk] * 12
    )
    assert_problem(answers[0], 413, "body_too_large")


@quick
async def test_a_refused_body_that_goes_on_for_long_is_cut(port):
    sent = b"POST /hot HTTP/1.1\r\n" + JSON + b"Content-Length: 10000000\r\n\r\n"
    answers = await exchange(port, sent, b"x" * 1000, close=False)
    assert [answer[0] for answer in answers] == [413]


@quick
async def test_a_body_that_never_begins_is_given_up(port):
    assert await exchange(port, b"POST /hot HTTP/1.1\r\n" + JSON + b"Content-Length: 10\r\n\r\n", close=False) == []


@quick
@pytest.mark.parametrize("sent", [b"GET /origin HTTP/1.1\r\n" + HEAD, b"G"])
async def test_headers_that_never_end_are_given_up(port, sent):
    answers = await exchange(port, sent, close=False)
    assert_problem(answers[0], 408, "request_timeout")


@quick
@pytest.mark.parametrize("sent", [b"", b"\r\n", b"\r\n\r\n\r\n"])
async def test_a_connection_that_asks_nothing_is_closed(port, sent):
    assert await exchange(port, sent, close=False) == []


@quick
async def test_line_breaks_after_an_answer_do_not_hold_the_connection(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"HEAD /origin HTTP/1.1\r\n" + HEAD + b"\r\n")
    async with asyncio.timeout(60):
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        writer.write(b"\r\n")
        assert await reader.read() == b""
    writer.close()


async def test_trailers_do_not_join_the_headers(port):
    sent = (
        b"POST /header-names HTTP/1.1\r\n" + JSON + b"Transfer-Encoding: chunked\r\nTrailer: X-Late\r\n\r\n"
        b"2\r\n{}\r\n0\r\nX-Late: 1\r\nAuthorization: Bearer x\r\n\r\n"
    )
    status, _, body = (await exchange(port, sent))[0]
    assert status == 200
    names = json.loads(body)
    assert "content-type" in names
    assert "x-late" not in names
    assert "authorization" not in names


async def test_an_answer_in_pieces_arrives_whole(port):
    ((status, headers, body),) = await exchange(port, b"GET /pieces HTTP/1.1\r\n" + HEAD + b"\r\n")
    assert (status, body, headers["x-content-type-options"]) == (200, b"abcd", "nosniff")


async def test_a_header_that_would_be_two_is_never_sent(port):
    assert await exchange(port, b"GET /two-headers-in-one HTTP/1.1\r\n" + HEAD + b"\r\n") == []


async def test_whoever_asks_to_hang_up_is_hung_up_on(port):
    sent = b"GET /origin HTTP/1.1\r\n" + HEAD + b"Connection: close\r\n\r\n"
    ((status, headers, _),) = await exchange(port, sent, close=False)
    assert (status, headers["connection"]) == (200, "close")


async def test_pipelined_requests_are_answered_in_order(port):
    one = b"GET /things?limit=1 HTTP/1.1\r\n" + HEAD + b"\r\n"
    two = b"GET /things?limit=2 HTTP/1.1\r\n" + HEAD + b"Connection: close\r\n\r\n"
    answers = await exchange(port, one + two, close=False)
    assert [json.loads(answer[2]) for answer in answers] == [{"limit": 1}, {"limit": 2}]


async def test_an_upgrade_that_we_do_not_offer_is_served_as_a_plain_request(port):
    upgrade = (
        b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n\r\n"
    )
    answers = await exchange(port, b"GET /nowhere HTTP/1.1\r\n" + HEAD + upgrade)
    assert_problem(answers[0], 404, "not_found")


@pytest.mark.attack("KEY-07")
@pytest.mark.attack("WEB-03")
async def test_no_host_or_scheme_that_a_request_claims_comes_back(port):
    forged = (
        b"Host: evil.test\r\nX-Forwarded-Host: evil.test\r\nX-Forwarded-Proto: http\r\nForwarded: host=evil.test\r\n"
    )
    for path in (b"/origin", b"/things/", b"/nowhere", b"/openapi.json", b"/no-token"):
        status, headers, body = (await exchange(port, b"GET " + path + b" HTTP/1.1\r\n" + forged + b"\r\n"))[0]
        assert status < 300 or status >= 400
        assert "location" not in headers
        assert b"evil" not in body
        assert "evil" not in str(headers)
