"""How the tree ends, and what is left of it."""

import os
import signal
import tempfile
from pathlib import Path

import pytest

from app.migrations.chain import newest_revision
from tests.cli.running import Running, command_of, descendants, free_ports, get, run
from tests.foundation.engines.support import wait_until_gone

ALONE = ("--no-examples", "--no-demo")


@pytest.fixture
def data_dir():
    with tempfile.TemporaryDirectory(prefix="dev-") as folder:
        yield Path(folder) / "data"


@pytest.fixture
def start(data_dir):
    started = []

    def begin(*options, **settings):
        port = free_ports(3)
        started.append(Running("dev", "--data-dir", data_dir, "--port", str(port), *options, **settings))
        return started[-1], port

    yield begin
    for running in started:
        running.end()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything_in_order(start, data_dir, number):
    running, _ = start("--no-demo")
    running.wait_for("Ctrl-C stops everything")
    assert data_dir.stat().st_mode & 0o777 == 0o700
    below = descendants(running.process.pid)
    assert len(below) >= 5
    assert running.end(number) == 0
    wait_until_gone(*below, seconds=20)
    assert "the data stay" in running.printed
    assert "Traceback" not in running.printed
    assert "Traceback" not in "".join(path.read_text() for path in data_dir.glob("logs/*.log"))
    assert "database system is shut down" in (data_dir / "engines" / "postgres.log").read_text()


@pytest.mark.fault("F1")
def test_killing_it_leaves_no_process_and_loses_no_data(start, data_dir):
    running, port = start(*ALONE)
    running.wait_for("ready:")
    body = {"email": "kept@example.com", "password": "a quite unlikely sentence"}
    assert get(f"http://localhost:{port}/auth/signup", body=body)[0] == 201
    below = descendants(running.process.pid)
    running.end(signal.SIGKILL)
    wait_until_gone(*below, seconds=40)
    again, port = start(*ALONE)
    again.wait_for("ready:")
    assert get(f"http://localhost:{port}/auth/login", body=body)[0] == 200


def test_a_service_that_dies_ends_the_tree_in_plain_words(start, data_dir):
    running, _ = start(*ALONE)
    running.wait_for("ready:")
    service = next(pid for pid in descendants(running.process.pid) if b"serve" in command_of(pid))
    below = descendants(running.process.pid)
    os.kill(service, signal.SIGKILL)
    assert running.ended() == 1
    assert "auth-service does not run (ended by SIGKILL)" in running.printed
    wait_until_gone(*below, seconds=20)


def test_an_example_that_dies_is_only_reported(start):
    running, port = start("--no-demo")
    running.wait_for("Ctrl-C stops everything")
    example = next(pid for pid in descendants(running.process.pid) if b"orders_api" in command_of(pid))
    os.kill(example, signal.SIGKILL)
    running.wait_for("warning: orders-api does not run")
    assert get(f"http://localhost:{port}/health/ready")[0] == 200


def test_demo_accounts_are_not_shown_to_the_network(start):
    running, _ = start("--host", "0.0.0.0")
    running.wait_for("--no-demo")
    assert running.ended() == 1


def test_lost_secrets_are_never_replaced_in_silence(start, data_dir):
    running, _ = start(*ALONE)
    running.wait_for("ready:")
    running.end()
    (data_dir / "secrets.json").unlink()
    again, _ = start(*ALONE)
    again.wait_for("secrets.json")
    assert again.ended() == 1
    assert not (data_dir / "secrets.json").exists()
    reset, _ = start(*ALONE, "--reset")
    reset.wait_for("ready:")


def test_reset_starts_afresh(start, data_dir):
    running, port = start(*ALONE)
    running.wait_for("ready:")
    body = {"email": "gone@example.com", "password": "a quite unlikely sentence"}
    assert get(f"http://localhost:{port}/auth/signup", body=body)[0] == 201
    running.end()
    again, port = start(*ALONE, "--reset")
    again.wait_for("ready:")
    assert get(f"http://localhost:{port}/auth/login", body=body)[0] == 401


def test_a_broken_engine_is_named_with_the_settings_that_do_without(data_dir, start):
    running, _ = start(environment={"AUTH_PG_BIN": str(data_dir / "nowhere")})
    running.wait_for("REDIS__URL=")
    assert running.ended() == 1
    assert "DATABASE__URL=" in running.printed
    assert "Traceback" not in running.printed


def test_a_command_works_on_a_stopped_instance(data_dir):
    for _ in range(2):
        migrated = run("migrate", "--data-dir", data_dir)
        assert (migrated.returncode, migrated.stdout) == (0, f"The schema is at revision {newest_revision()}.\n"), (
            migrated.stderr
        )


@pytest.mark.parametrize("command", ["dev", "serve", "migrate", "users list", "create-admin"])
def test_every_command_explains_itself_with_an_example(command):
    shown = run(*command.split(), "--help", environment={"COLUMNS": "200"})
    assert shown.returncode == 0, shown.stderr
    assert "Example: auth-service" in shown.stdout
    assert "--data-dir" in shown.stdout
