"""Web processes as production runs them: several behind one socket, replaced when they die, drained when they stop."""

import os
import signal
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.foundation.secrets import random_secret
from tests.cli.running import Running, command_of, descendants, free_ports, get, run
from tests.foundation.engines.support import wait_until_gone

BODY = {"email": "kept@example.com", "password": "a quite unlikely sentence"}


@pytest.fixture(scope="module")
def environment(engines):
    """What production needs, on a migrated database of its own."""
    settings = {
        "DATABASE__URL": engines.database_url,
        "REDIS__URL": engines.redis_url,
        "ENCRYPTION__KEYS": random_secret(),
        "PUBLIC_URL": "http://localhost:8000",
        "ACCOUNTS__HIDE_EXISTENCE": "false",
        "HTTP__DRAIN_SECONDS": "1",
    }
    migrated = run("migrate", environment=settings)
    assert migrated.returncode == 0, migrated.stderr
    return settings


@pytest.fixture
def serve(environment):
    started = []

    def begin(*options: str, **changes: str) -> tuple[Running, int]:
        port = free_ports(1)
        started.append(Running("serve", "--port", str(port), *options, environment=environment | changes))
        return started[-1], port

    yield begin
    for running in started:
        running.end(signal.SIGTERM)


def wait_until_ready(running: Running, port: int) -> None:
    deadline = time.monotonic() + 180
    while running.process.poll() is None:
        try:
            if get(f"http://localhost:{port}/health/ready")[0] == 200:
                return
        except OSError:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.05)
    raise AssertionError(f"it ended: {running.ended()}, {running.printed}")


def workers_of(running: Running) -> list[int]:
    return [pid for pid in descendants(running.process.pid) if b"--descriptor" in command_of(pid)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_process_drains_and_ends_well(serve, number):
    running, port = serve()
    wait_until_ready(running, port)
    assert running.end(number) == 0


@pytest.mark.fault("F1")
def test_a_killed_worker_is_replaced_while_the_others_serve(serve):
    running, port = serve("--workers", "2")
    wait_until_ready(running, port)
    before = workers_of(running)
    assert len(before) == 2
    os.kill(before[0], signal.SIGKILL)
    deadline = time.monotonic() + 180
    while len(set(workers_of(running)) - set(before)) < 1:
        assert get(f"http://localhost:{port}/health/live")[0] == 200
        assert time.monotonic() < deadline
    assert before[1] in workers_of(running)


@pytest.mark.fault("F2")
def test_workers_drain_together_and_refuse_no_request_that_reached_them(serve):
    running, port = serve("--workers", "2")
    wait_until_ready(running, port)
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(get, f"http://localhost:{port}/auth/login", body=BODY) for _ in range(8)]
        # Once the first has its answer, the others are on their way.
        asked[0].result()
        running.send(signal.SIGTERM)
        answers = [future.result()[0] for future in asked]
    assert set(answers) <= {401, 429, 503}
    assert running.ended() == 0


def test_workers_end_with_their_supervisor(serve):
    running, port = serve("--workers", "2")
    wait_until_ready(running, port)
    below = workers_of(running)
    running.end(signal.SIGKILL)
    wait_until_gone(*below)


def test_settings_that_are_wrong_are_named_before_anything_starts(serve):
    running, _ = serve("--workers", "2", REDIS__URL="")
    assert running.ended() == 1
    assert "REDIS__URL" in running.printed
    assert "Traceback" not in running.printed


def test_workers_that_can_never_start_are_given_up(serve):
    running, _ = serve("--workers", "2", DATABASE__URL="postgresql+asyncpg://auth@localhost:1/auth")
    assert running.ended() == 1
    assert "No web process can start" in running.printed


def test_a_port_in_use_is_named(serve):
    running, port = serve()
    wait_until_ready(running, port)
    other, _ = serve("--workers", "2", "--port", str(port))
    assert other.ended() == 1
    assert f"Port {port}" in other.printed


def test_without_a_database_nothing_is_guessed():
    with tempfile.TemporaryDirectory() as empty:
        refused = run("serve", environment={"HOME": empty})
    assert refused.returncode == 1
    assert "DATABASE__URL" in refused.stderr
