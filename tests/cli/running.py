"""Runs the program as its users do: in a process of its own."""

import contextlib
import json
import os
import random
import selectors
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil

PROJECT = Path(__file__).parents[2]
# Nothing of the machine's own set-up may lead a test to another deployment.
CLEAN = {name: value for name, value in os.environ.items() if "__" not in name and name != "ENVIRONMENT"}


def run(*arguments: str | Path, **options) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    environment = CLEAN | options.pop("environment", {})
    command = [sys.executable, "-m", "app.cli", *map(str, arguments)]
    return subprocess.run(
        command, env=environment, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=120, **options
    )


def free_ports(count: int) -> int:
    """The first of `count` ports in a row that nobody uses.

    Whoever gets them binds them later. So each worker of a run chooses from ports of its own, at random, where the
    system takes none for outgoing connections; the port of metrics that `dev` derives from the first is among them.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    for _ in range(1000):
        first = 11_000 + 2_500 * (worker % 9) + random.randrange(1_000)
        with contextlib.ExitStack() as stack:
            try:
                for port in range(first, first + count):
                    stack.enter_context(socket.create_server(("127.0.0.1", port)))
            except OSError:
                continue
            return first
    raise AssertionError("no free ports")


class Running:
    """A command that runs on."""

    def __init__(self, *arguments: str | Path, environment: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", *map(str, arguments)],
            env=CLEAN | (environment or {}),
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        os.set_blocking(self.process.stdout.fileno(), False)
        self.printed = ""

    def wait_for(self, text: str, *, seconds: float = 180) -> str:
        """Read on until `text` was printed, and return all that was."""
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while text not in self.printed:
                left = deadline - time.monotonic()
                assert left > 0, f"{text!r} was not printed, but: {self.printed}"
                if not selector.select(left):
                    continue
                chunk = self.process.stdout.read()
                assert chunk, f"it ended before it printed {text!r}, after: {self.printed}"
                self.printed += chunk.decode()
        return self.printed

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGINT, *, seconds: float = 180) -> int:
        """Send a signal, wait for the end, and return the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.ended(seconds=seconds)

    def ended(self, *, seconds: float = 180) -> int:
        """Wait until it has ended by itself, and return the exit status."""
        status = self.process.wait(seconds)
        if not self.process.stdout.closed:
            self.printed += (self.process.stdout.read() or b"").decode()
            self.process.stdout.close()
        return status


def get(url: str, *, token: str | None = None, body: object = None) -> tuple[int, object]:
    """One request; the status and the answer, parsed if it is JSON."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    data = None if body is None else json.dumps(body).encode()
    if data is not None:
        headers["Content-Type"] = "application/json"
    request = urllib.request.Request(url, data=data, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        with error:
            text = error.read()
            try:
                return error.code, json.loads(text)
            except ValueError:
                return error.code, text.decode()


def descendants(pid: int) -> list[int]:
    """Every process below one."""
    return [child.pid for child in psutil.Process(pid).children(recursive=True)]


def command_of(pid: int) -> bytes:
    """What a process runs; nothing where it has ended meanwhile."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""
