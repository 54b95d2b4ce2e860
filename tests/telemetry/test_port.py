"""The port of the metrics: one exposition over all processes, apart from the public port."""

import os
import signal
import socket
import urllib.error
import urllib.request

import pytest

from app.foundation.errors import StartupRefused
from app.foundation.exposition import showing
from app.foundation.secrets import random_secret
from tests.cli.running import Running, free_ports, get, run
from tests.cli.test_serve import wait_until_ready, workers_of
from tests.telemetry.exposed import scraped, value, wait_until

NOBODY = {"email": "nobody@example.com", "password": "a quite unlikely sentence"}


@pytest.fixture(scope="module")
def environment(engines):
    settings = {
        "DATABASE__URL": engines.database_url,
        "REDIS__URL": engines.redis_url,
        "ENCRYPTION__KEYS": random_secret(),
        "PUBLIC_URL": "http://localhost:8000",
        "ACCOUNTS__HIDE_EXISTENCE": "false",
        "HTTP__DRAIN_SECONDS": "0",
        "LIMITS__LOGIN_PER_ACCOUNT": "1000",
        "LIMITS__LOGIN_PER_ADDRESS": "1000",
    }
    migrated = run("migrate", environment=settings)
    assert migrated.returncode == 0, migrated.stderr
    return settings


@pytest.fixture
def serve(environment):
    started = []

    def begin(*options: str, **changes: str) -> tuple[Running, int, int]:
        port = free_ports(2)
        settings = environment | {"METRICS__PORT": str(port + 1)} | changes
        started.append(Running("serve", "--port", str(port), *options, environment=settings))
        return started[-1], port, port + 1

    yield begin
    for running in started:
        running.end(signal.SIGTERM)


def sign_in(port: int, times: int) -> None:
    for _ in range(times):
        assert get(f"http://localhost:{port}/auth/login", body=NOBODY)[0] == 401


def refused(metrics: int) -> float:
    return value(scraped(metrics), "sign_ins_total", result="unknown_user")


def wait_until_both_sample(metrics: int) -> None:
    """Until each of two processes, with ten connections in a pool, has taken its samples. One that starts shows 0."""
    wait_until(lambda: value(scraped(metrics), "db_connections_limit", pool="statements") == 20)


def test_a_worker_shows_its_own_on_its_port_and_says_nothing_of_readiness(environment):
    metrics = free_ports(1)
    running = Running("worker", environment=environment | {"METRICS__WORKER_PORT": str(metrics)})
    try:
        running.wait_for("the worker is at work")
        wait_until(lambda: value(scraped(metrics), "background_work_alive", work="metrics") == 1)
        shown = {name for name, _ in scraped(metrics)}
        assert {"auth_service_mail_attempts_total", "auth_service_jobs_oldest_due_seconds"} <= shown
        # It would look like a web process that is not ready.
        assert "auth_service_ready" not in shown
    finally:
        running.end(signal.SIGTERM)


def test_several_processes_show_one_sum_that_never_goes_back(serve):
    running, port, metrics = serve("--workers", "2")
    wait_until_ready(running, port)
    wait_until_both_sample(metrics)
    wait_until(lambda: value(scraped(metrics), "ready") == 1)
    assert value(scraped(metrics), "signing_keys", algorithm="RS256", state="next") == 1
    sign_in(port, 10)
    assert refused(metrics) == 10
    answered = {"route": "/auth/login", "method": "POST", "status": "4xx"}
    wait_until(lambda: value(scraped(metrics), "request_seconds_count", **answered) == 10)
    before = workers_of(running)
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: len(set(workers_of(running)) - set(before)) == 2)
    assert refused(metrics) == 10
    wait_until_ready(running, port)
    sign_in(port, 5)
    assert refused(metrics) == 15
    # Those that ended do not count.
    wait_until_both_sample(metrics)


def test_one_process_shows_its_own_and_nothing_on_the_public_port(serve):
    running, port, metrics = serve()
    wait_until_ready(running, port)
    sign_in(port, 1)
    assert refused(metrics) == 1
    assert get(f"http://localhost:{port}/metrics")[0] == 404
    assert get(f"http://localhost:{metrics}/auth/login")[0] == 404
    assert running.end(signal.SIGTERM) == 0


def test_without_a_port_nothing_listens(serve):
    running, port, metrics = serve(METRICS__PORT="")
    wait_until_ready(running, port)
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", metrics), timeout=5)


def test_a_port_in_use_is_named(serve):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        running, _, _ = serve(METRICS__PORT=str(taken.getsockname()[1]))
        assert running.ended() == 1
    assert "METRICS__PORT" in running.printed
    assert "Traceback" not in running.printed


def test_whoever_breaks_off_or_writes_is_answered_and_forgotten():
    port = free_ports(1)
    with showing("127.0.0.1", port, lambda: b"up 1\n"):
        with socket.create_connection(("127.0.0.1", port), timeout=5) as rude:
            rude.sendall(b"GET /metrics HT")
        with pytest.raises(urllib.error.HTTPError, match="501") as answer:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", data=b"{}", timeout=5)
        answer.value.close()
        with pytest.raises(StartupRefused), showing("127.0.0.1", port):
            pass
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as good:
            assert good.read() == b"up 1\n"
