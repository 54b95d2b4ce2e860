"""The limit of open files, in a process of its own: it cannot be raised again above a hard limit."""

import subprocess
import sys

import pytest

RAISE = """
import resource
from app.foundation.open_files import raise_limit
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, 512))
print(raise_limit(), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize("soft", [64, 512])
def test_the_soft_limit_rises_to_the_hard_one(soft: int):
    command = [sys.executable, "-c", RAISE.format(soft=soft)]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert told.split() == ["512", "512", "512"]
