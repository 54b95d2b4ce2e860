"""A test that failed beside others is run once more alone, and named; one that fails again fails the run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.second_chance import MOST

PROJECT = Path(__file__).parents[2]
SOUND = "def test_sound():\n    pass\n"
FLAKY = """
import pathlib
import pytest

@pytest.mark.parametrize("n", ["a b", "::10"])
def test_flaky(n):
    seen = pathlib.Path(__file__).with_name("seen " + str(len(n)))
    if not seen.exists():
        seen.touch()
        raise AssertionError("the machine stalled")
"""
BROKEN = """
import pytest

@pytest.mark.parametrize("n", range({count}))
def test_broken(n):
    assert n < 0
"""


@pytest.fixture
def outcome(tmp_path: Path):
    """The exit status of a run of these files of tests, and what it printed."""

    def of(*sources: str, options: tuple[str, ...] = ("-p", "no:xdist")) -> tuple[int, str]:
        (tmp_path / "pytest.ini").write_text("[pytest]\n")
        for number, source in enumerate(sources):
            (tmp_path / f"test_{number}.py").write_text(source)
        done = subprocess.run(
            [sys.executable, "-m", "tools.second_chance", "-p", "no:anyio", *options],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return done.returncode, done.stdout

    return of


def test_what_passes_alone_is_named_with_its_first_failure_and_fails_nothing(outcome):
    status, printed = outcome(SOUND, FLAKY, options=("-n", "2"))
    assert status == 0, printed
    told = printed[printed.index("flaky: failed beside others, passed alone") :]
    for name in ("test_1.py::test_flaky[a b]", "test_1.py::test_flaky[::10]"):
        assert f"flaky: failed beside others, passed alone: {name}\n" in told
    assert told.count("AssertionError: the machine stalled") >= 2
    assert "second chance: 2 flaky, 0 broken" in told


def test_what_fails_again_fails_the_run(outcome):
    status, printed = outcome(FLAKY, BROKEN.format(count=1))
    assert status == 1
    assert "failed beside others and alone: test_1.py::test_broken[0]\n" in printed
    assert "second chance: 2 flaky, 1 broken" in printed


def test_so_many_failures_are_no_accident(outcome):
    status, printed = outcome(BROKEN.format(count=MOST + 1))
    assert status == 1
    assert "too many for a second chance" in printed
    assert "alone, once more" not in printed


@pytest.mark.parametrize(("source", "expected"), [(SOUND, 0), ("import nowhere_to_be_found\n", 2), ("", 5)])
def test_any_other_end_is_pytest_s_own(outcome, source, expected):
    status, printed = outcome(source)
    assert status == expected
    assert "alone, once more" not in printed
