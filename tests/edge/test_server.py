"""The server in a process of its own: how it starts, how it goes, and what a flood costs it."""

import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psutil
import pytest

PROGRAM = """
import socket, sys
from pathlib import Path
from app.foundation.server import ServerOptions, serve
options = ServerOptions(application={application!r}, uds=Path({path!r}), drain_seconds={drain}, shutdown_seconds=5)
sys.exit(serve(options))
"""


class Served:
    """A server process and ways to talk to it. It listens on a unix socket, so that tests need no port."""

    def __init__(self, application: str, folder: Path, *, drain: float = 0.0) -> None:
        self.path = folder / "server.sock"
        self._log = (folder / "log").open("w+")
        program = PROGRAM.format(application=f"tests.edge.served:{application}", path=str(self.path), drain=drain)
        self.process = subprocess.Popen(
            [sys.executable, "-c", program], stdout=self._log, stderr=subprocess.STDOUT, text=True
        )

    def client(self) -> httpx2.Client:
        transport = httpx2.HTTPTransport(uds=str(self.path))
        return httpx2.Client(transport=transport, base_url="http://localhost", timeout=60)

    def wait_until_live(self) -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
                connection.connect(str(self.path))
                return
            time.sleep(0.02)
        raise AssertionError(self.log())

    def log(self) -> str:
        self._log.seek(0)
        return self._log.read()

    def entries(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.log().splitlines()]

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(60)
        self._log.close()


@contextlib.contextmanager
def served(application: str, folder: Path, *, drain: float = 0.0) -> Iterator[Served]:
    server = Served(application, folder, drain=drain)
    try:
        yield server
    finally:
        server.stop()


class Slow:
    """A request in flight, which its thread waits for."""

    def __init__(self, server: Served, seconds: float) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(60)
        self._socket.connect(str(server.path))
        self._socket.sendall(b"GET /slow?seconds=%g HTTP/1.1\r\nHost: localhost\r\n\r\n" % seconds)

    def answer(self) -> bytes:
        with self._socket:
            found = b""
            while part := self._socket.recv(65_536):
                found += part
            return found


def wait_until_ready_says(server: Served, status: int) -> httpx2.Response:
    with server.client() as client:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            answer = client.get("/health/ready")
            if answer.status_code == status:
                return answer
            time.sleep(0.02)
    raise AssertionError(server.log())


@pytest.mark.fault("F2")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_that_is_told_to_go_drains_and_finishes_what_is_in_flight(tmp_path, number):
    with served("create", tmp_path, drain=4) as server:
        server.wait_until_live()
        assert wait_until_ready_says(server, 200).json()["status"] == "ready"
        slow = Slow(server, 5.0)
        server.process.send_signal(number)
        refusal = wait_until_ready_says(server, 503)
        assert refusal.json()["failing"] == ["draining"]
        assert refusal.headers["connection"] == "close"
        with server.client() as client:
            assert client.get("/origin").status_code == 200
        answer = slow.answer()
        assert answer.startswith(b"HTTP/1.1 200")
        assert b'"done"' in answer
        assert server.process.wait(60) == 0
        entries = server.entries()
    assert not [entry for entry in entries if entry["level"] == "error"]
    assert all("trace_id" in entry for entry in entries if entry["event"] == "request")


def test_a_second_signal_ends_the_drain(tmp_path):
    with served("create", tmp_path, drain=60) as server:
        server.wait_until_live()
        server.process.send_signal(signal.SIGTERM)
        wait_until_ready_says(server, 503)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(60) == 0


@pytest.mark.parametrize(
    ("application", "words"),
    [("refuse", "PUBLIC_URL: This is required."), ("refuse_late", "does not hold the key 1a2b3c4d")],
)
def test_a_start_that_is_refused_ends_in_words_without_a_traceback(tmp_path, application, words):
    with served(application, tmp_path) as server:
        assert server.process.wait(60) == 3
        entries = server.entries()
    assert any(words in str(entry["event"]) for entry in entries)
    assert not any("Traceback" in json.dumps(entry) for entry in entries)


def test_a_start_that_breaks_is_logged_whole(tmp_path):
    with served("break_late", tmp_path) as server:
        assert server.process.wait(60) == 3
        entries = server.entries()
    assert any("RuntimeError" in str(entry.get("exception")) for entry in entries)


@pytest.mark.attack("JWT-14")
@pytest.mark.attack("DOS-01")
def test_a_flood_in_one_request_costs_little_time_and_memory(tmp_path):
    head = b"Host: localhost\r\n"
    floods = {
        431: b"GET /origin HTTP/1.1\r\n" + head + b"Authorization: Bearer " + b"x" * 10_000_000 + b"\r\n\r\n",
        413: b"POST /hot HTTP/1.1\r\n" + head + b"Content-Length: 10000000\r\n\r\n" + b"x" * 10_000_000,
    }
    with served("create", tmp_path) as server:
        server.wait_until_live()
        process = psutil.Process(server.process.pid)
        for status, flood in floods.items():
            assert send_all(server.path, flood).startswith(b"HTTP/1.1 %d" % status)
            cpu, memory, rounds = sum(process.cpu_times()[:2]), process.memory_info().rss, 20
            for _ in range(rounds):
                send_all(server.path, flood)
            spent = (sum(process.cpu_times()[:2]) - cpu) / rounds
            assert spent < (0.005 if status == 431 else 0.05)
            assert process.memory_info().rss - memory < 50_000_000
        with server.client() as client:
            assert client.get("/health/live").status_code == 200


def send_all(path: Path, sent: bytes) -> bytes:
    """Send until the server closes or has all of it; return the beginning of its answer."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(path))
        with contextlib.suppress(OSError):
            connection.sendall(sent)
        try:
            return connection.recv(4096)
        except OSError:
            return b""
