"""Programs of the system that single tests drive: a browser, proxies."""

import os
import shutil

import pytest

SEARCHED = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def program(name: str) -> str:
    """The path of a program; where it is missing the test skips and says why, and in CI it fails."""
    found = shutil.which(name, path=SEARCHED)
    if found is not None:
        return found
    words = f"{name} is not installed; tools/system_packages.sh brings it"
    if os.environ.get("CI") == "true":
        pytest.fail(words)
    pytest.skip(words)
