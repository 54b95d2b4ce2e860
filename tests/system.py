"""Programs of the system that single tests drive: a browser, proxies."""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

SEARCHED = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def program(name: str) -> str:
    """The path of a program; where it is missing the test skips and says why, and in CI it fails."""
    found = shutil.which(name, path=SEARCHED)
    return found if found is not None else _missing(name)


def folder(path: str) -> str:
    """A folder that a package of the system brings; where it is missing as with `program`."""
    return path if Path(path).is_dir() else _missing(path)


def fake_time() -> str:
    """The library that lets a process live at another time; where it is missing as with `program`."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    return str(found[0]) if found else _missing("faketime")


def _missing(name: str) -> NoReturn:
    words = f"{name} is not installed; tools/system_packages.sh brings it"
    if os.environ.get("CI") == "true":
        pytest.fail(words)
    pytest.skip(words)
