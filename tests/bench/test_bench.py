"""The bench can be started, and its peers come only as they were locked."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench.__main__ import COMPARED, NAMES, OTHERS
from bench.enumeration import most_bias
from bench.load import Burst, Rotation
from bench.peer_environment import LOCK
from bench.peer_routes import PEERS
from bench.summary import summary

PROJECT = Path(__file__).parents[2]
_PACKAGE = re.compile(r"(?m)^[a-zA-Z0-9._-]+(\[[a-z,]+\])?==\S+.*$")


def test_every_group_is_named_in_the_help() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--help"],
        cwd=PROJECT,
        env={"COLUMNS": "500"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert all(name in done.stdout for name in NAMES)
    assert all(callable(group.measure) for group in (COMPARED | OTHERS).values())


def test_every_package_of_the_peers_is_locked_by_hash_and_names_no_registry() -> None:
    text = LOCK.read_text()
    packages = re.split(r"(?m)^(?=[a-zA-Z0-9])", text)[1:]
    assert len(packages) == len(_PACKAGE.findall(text))
    assert [package for package in packages if "--hash=sha256:" not in package] == []
    assert "://" not in text


@pytest.mark.parametrize("wanted", ["fastapi-users", "matplotlib", "pyjwt", "python-keycloak"])
def test_what_the_table_names_is_locked(wanted: str) -> None:
    assert re.search(rf"(?m)^{wanted}(\[\w+\])?==", LOCK.read_text())


def test_peers_import_nothing_of_the_project() -> None:
    for path in (PROJECT / "bench" / "peers").glob("*.py"):
        imported = re.findall(r"(?m)^(?:from|import) +([\w.]+)", path.read_text())
        assert [name for name in imported if name.split(".")[0] in {"app", "auth_service_sdk", "tools"}] == []
        assert [name for name in imported if name.startswith("bench.") and not name.startswith("bench.peers")] == []
    assert {peer.factory.split(":")[0].rpartition(".")[0] for peer in PEERS} == {"bench.peers"}


def test_a_crowd_sends_one_request_on_each_connection() -> None:
    burst = Burst(Rotation(["GET / HTTP/1.1\r\n\r\n"]), 60, each=1)
    assert [burst.next(0) is None, burst.next(1) is None, burst.next(0) is None] == [False, False, True]


def test_fewer_tries_of_an_enumeration_must_differ_by_more() -> None:
    assert most_bias(1000, 1000) == pytest.approx(0.0387, abs=0.0001)
    assert most_bias(50, 50) > most_bias(1000, 1000)


def test_the_summary_tells_of_a_goal_that_was_missed() -> None:
    ratio = {"median": 0.5, "low": 0.4, "high": 0.6}
    case = {"case": "ours", "reference": "theirs", "at_least": 0.9, "ratio": ratio}
    results = {"machine": "two cores", "routes": [{"title": "Routes", "comparisons": [case], "rounds": {}}]}
    assert "| ours | theirs | 0.50 | ≥ 0.90 | **missed** |" in summary(json.loads(json.dumps(results)))
