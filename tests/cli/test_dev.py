"""The whole tree: engines, service, examples; how it starts, serves, dies and comes back."""

import contextlib
import json
import re
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.cli.running import CLEAN, PROJECT, Running, free_ports, get, run
from tests.telemetry.exposed import scraped, value, wait_until

LOGIN = {"email": "user@example.com", "password": "Password123!"}


@pytest.fixture(scope="module")
def data_dir():
    with tempfile.TemporaryDirectory(prefix="dev-") as folder:
        yield Path(folder) / "data"


@pytest.fixture(scope="module")
def port():
    return free_ports(3)


@pytest.fixture(scope="module")
def dev(data_dir, port):
    """An instance with everything, that the tests of this module share."""
    running = Running("dev", "--data-dir", data_dir, "--port", str(port))
    running.wait_for("Ctrl-C stops everything")
    yield running
    assert running.end() == 0, running.printed


@pytest.fixture
def start():
    """Start further commands; whatever is left of them at the end is ended."""
    started = []

    def begin(*arguments, **options):
        started.append(Running(*arguments, **options))
        return started[-1]

    yield begin
    for running in started:
        running.end()


def token_for(port: int, audience: str) -> str:
    status, answer = get(f"http://localhost:{port}/auth/login", body=LOGIN | {"audience": audience})
    assert status == 200, answer
    return answer["access_token"]


def test_it_says_when_it_is_ready_and_is(dev, port):
    assert f"ready: http://localhost:{port}\n" in dev.printed
    assert get(f"http://localhost:{port}/health/ready")[0] == 200


def test_it_shows_metrics_at_the_address_that_the_panel_names(dev):
    address = re.search(r"metrics +http://localhost:(\d+)/metrics", dev.printed)
    assert address is not None
    assert value(scraped(int(address[1])), "signing_keys", algorithm="RS256", state="active") == 1


def test_a_token_opens_the_service_it_was_minted_for_and_no_other(dev, port):
    token = token_for(port, "orders-api")
    status, me = get(f"http://localhost:{port + 1}/whoami", token=token)
    assert (status, me["email"]) == (200, "user@example.com")
    assert get(f"http://localhost:{port + 2}/invoices", token=token)[0] == 401
    assert get(f"http://localhost:{port + 2}/invoices", token=token_for(port, "billing-api"))[0] == 200


@contextlib.contextmanager
def second_orders_api(data_dir, port, at):
    """Another process of the example, with credentials of its own."""
    options = ["--name", "second", "--audience", "orders-api", "--scope", "introspection", "--json"]
    made = run("create-client", *options, "--data-dir", data_dir)
    assert made.returncode == 0, made.stderr
    client = json.loads(made.stdout)
    given = {"AUTH_CLIENT_ID": client["client_id"], "AUTH_CLIENT_SECRET": client["client_secret"]}
    command = [sys.executable, "-m", "uvicorn", "examples.orders_api.main:app", "--port", str(at)]
    environment = CLEAN | given | {"AUTH_BASE_URL": f"http://localhost:{port}"}
    process = subprocess.Popen(command, cwd=PROJECT, env=environment, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: _is_open(at))
        yield
    finally:
        process.terminate()
        process.wait(60)


def _is_open(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def action_token(port, token):
    asked = {"action": "orders.refund"}
    status, challenge = get(f"http://localhost:{port}/auth/action-tokens", token=token, body=asked)
    assert status == 202, challenge
    answer = {"challenge_id": challenge["challenge_id"], "code": LOGIN["password"]}
    status, made = get(f"http://localhost:{port}/auth/action-tokens/verify", token=token, body=answer)
    assert status == 200, made
    return made["action_token"]


def refund(port, token, confirmed):
    headers = {"Authorization": f"Bearer {token}", "X-Action-Token": confirmed}
    asked = urllib.request.Request(f"http://127.0.0.1:{port}/orders/1/refund", data=b"", headers=headers)
    try:
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_of_one_action_token_at_two_processes_at_once_exactly_one_wins(dev, data_dir, port):
    token, second = token_for(port, "orders-api"), free_ports(1)
    with second_orders_api(data_dir, port, second), ThreadPoolExecutor(2) as pool:
        for _ in range(5):
            confirmed = action_token(port, token)
            answers = pool.map(lambda at, made=confirmed: refund(at, token, made), (port + 1, second))
            assert sorted(answers) == [200, 403]


def test_the_lines_of_the_panel_do_what_it_says(dev):
    lines = dev.printed[dev.printed.index("TOKEN=") :].splitlines()[:3]
    script = "\n".join(lines)
    shown = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True, timeout=60).stdout
    orders, _, refused = shown.partition("HTTP/1.1 ")
    assert json.loads(orders)["for"] == "user@example.com"
    assert refused.startswith("401")
    assert "billing-api" in refused


def test_the_examples_say_who_may_come_in(dev, port, data_dir):
    orders = f"http://localhost:{port + 1}"
    user = token_for(port, "orders-api")
    assert get(f"{orders}/orders")[0] == 401
    assert get(f"{orders}/reports", token=user)[0] == 200
    assert get(f"{orders}/fresh", token=user)[0] == 200
    assert get(f"{orders}/admin", token=user)[0] == 403
    password = re.search(r"admin@example\.com\s+(\S+)", dev.printed)[1]
    body = {"email": "admin@example.com", "password": password, "audience": "orders-api"}
    status, answer = get(f"http://localhost:{port}/auth/login", body=body)
    assert status == 200, answer
    assert get(f"{orders}/admin", token=answer["access_token"])[0] == 200


def test_a_command_beside_it_works_on_the_same_instance(dev, data_dir):
    listed = run("users", "list", "--json", "--data-dir", data_dir)
    assert listed.returncode == 0, listed.stderr
    assert "user@example.com" in listed.stdout


def test_a_second_one_on_the_same_port_is_told_so(dev, port, start, data_dir):
    other = start("dev", "--data-dir", data_dir.parent / "other", "--port", str(port))
    other.wait_for("--port")
    assert other.ended() == 1
    assert f"Port {port}" in other.printed
    assert "Traceback" not in other.printed


def test_a_second_one_on_the_same_data_is_told_so(dev, start, data_dir):
    other = start("dev", "--data-dir", data_dir, "--port", str(free_ports(3)))
    other.wait_for("running already")
    assert other.ended() == 1
    assert "Traceback" not in other.printed


def test_a_reset_beside_it_is_refused(dev, port, start, data_dir):
    other = start("dev", "--reset", "--data-dir", data_dir, "--port", str(free_ports(3)))
    other.wait_for("is running")
    assert other.ended() == 1
    assert get(f"http://localhost:{port}/health/ready")[0] == 200


def test_nothing_listens_beyond_this_machine(dev, port):
    listening = Path("/proc/net/tcp").read_text().splitlines()[1:]
    local = [line.split()[1] for line in listening if line.split()[3] == "0A"]
    ours = [address for address in local if int(address.rpartition(":")[2], 16) in range(port, port + 3)]
    assert {address.rpartition(":")[0] for address in ours} == {"0100007F"}
    assert len(ours) == 3
