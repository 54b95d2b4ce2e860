"""The peers' environment: made on first use from their lock, each package by its hash; kept until the lock changes."""

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.processes import PROJECT
from tools.quietly import CommandFailed, quietly

LOCK = PROJECT / "bench" / "peers" / "requirements.lock"
_FOLDER = PROJECT / ".cache" / "bench-peers"
_STAMP = _FOLDER / "made-from"
_UV = Path(sys.prefix) / "bin" / "uv"


class PeersMissing(Exception):
    """The environment could not be made. The message says why."""


@dataclass(frozen=True, slots=True)
class PeerEnvironment:
    """Where the peers are installed."""

    python: Path


def peer_environment() -> PeerEnvironment:
    """Make the environment unless it stands. Raises PeersMissing."""
    python = _FOLDER / "bin" / "python"
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if not (_STAMP.is_file() and _STAMP.read_text() == digest and python.exists()):
        print("Installing the peers into .cache/bench-peers", file=sys.stderr, flush=True)
        _uv("venv", "--quiet", "--clear", "--python", sys.executable, str(_FOLDER))
        _uv("pip", "install", "--quiet", "--python", str(python), "--require-hashes", "--requirement", str(LOCK))
        _STAMP.write_text(digest)
    return PeerEnvironment(python)


def _uv(*arguments: str) -> None:
    try:
        quietly(_UV, *arguments, name="uv")
    except CommandFailed as error:
        raise PeersMissing(str(error)) from error
