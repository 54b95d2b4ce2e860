"""The node peers' environment: made on first use by `npm ci` from their lock; kept until the lock changes."""

import hashlib
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.peer_environment import PeersMissing
from bench.processes import PROJECT
from tools.install import environment

SOURCE = PROJECT / "bench" / "peers" / "node"
_FOLDER = PROJECT / ".cache" / "bench-node"
_STAMP = _FOLDER / "made-from"
_MAX_SECONDS = 600


@dataclass(frozen=True, slots=True)
class NodeEnvironment:
    """The interpreter, and where the peers are installed."""

    node: str
    folder: Path


def node_environment() -> NodeEnvironment:
    """Make the environment unless it stands. Raises PeersMissing where node or npm is absent, or npm fails."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise PeersMissing("node and npm are not installed")
    files = sorted(path for path in SOURCE.iterdir() if path.is_file())
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
    if not (_STAMP.is_file() and _STAMP.read_text() == digest):
        print("Installing the node peers into .cache/bench-node", file=sys.stderr, flush=True)
        _FOLDER.mkdir(parents=True, exist_ok=True)
        for path in files:
            shutil.copy(path, _FOLDER / path.name)
        _npm(npm)
        _STAMP.write_text(digest)
    return NodeEnvironment(node, _FOLDER)


def _npm(npm: str) -> None:
    try:
        done = subprocess.run(
            [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=_FOLDER,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=_MAX_SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PeersMissing(f"npm does not run: {error}") from error
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["(it said nothing)"]
        raise PeersMissing(f"npm ci: {lines[-1].strip()}")
