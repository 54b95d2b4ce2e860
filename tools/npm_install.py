"""Node packages from a lock file: installed on first use by `npm ci`, kept until the lock changes."""

import fcntl
import hashlib
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from tools.install import PROJECT
from tools.quietly import CommandFailed, quietly

# What a developer has left there who works on the page.
_NOT_OURS = frozenset({"node_modules", "dist", ".env.local"})


class NodeMissing(Exception):
    """Node, npm or the packages cannot be had here. The message says why."""


@dataclass(frozen=True, slots=True)
class NodeEnvironment:
    """The interpreter, and where the packages are installed."""

    node: str
    folder: Path


def installed(source: Path, name: str) -> NodeEnvironment:
    """Install what the lock in `source` names into `.cache/<name>`, beside copies of the files there and below.

    Two calls at once take turns. Raises NodeMissing.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise NodeMissing("node and npm are not installed")
    folder = PROJECT / ".cache" / name
    folder.mkdir(parents=True, exist_ok=True)
    files = sorted(path for path in source.rglob("*") if path.is_file() and _NOT_OURS.isdisjoint(path.parts))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
    stamp = folder / "made-from"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (stamp.is_file() and stamp.read_text() == digest):
            _install(npm, source, files, folder)
            stamp.write_text(digest)
    return NodeEnvironment(node, folder)


def _install(npm: str, source: Path, files: list[Path], folder: Path) -> None:
    for path in files:
        target = folder / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    lock, done = (folder / "package-lock.json").read_bytes(), folder / "node_modules" / "installed-from"
    if not (done.is_file() and done.read_bytes() == lock):
        print(f"Installing node packages into .cache/{folder.name}", file=sys.stderr, flush=True)
        try:
            quietly(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", name="npm", cwd=folder)
        except CommandFailed as error:
            raise NodeMissing(str(error)) from error
        done.write_bytes(lock)
