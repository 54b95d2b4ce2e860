"""Who runs the instance: a lock file that one process at a time holds, and in which it publishes the addresses.

The kernel drops the lock when its holder dies, however it dies, so there is nothing stale to clean up. What the
file says counts only while somebody holds the lock.
"""

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from app.foundation.engines.errors import EngineError

NAME = "lock"


@dataclass(frozen=True, slots=True)
class Engines:
    """Where to reach the engines. `database_url` is for SQLAlchemy, `redis_url` for redis-py."""

    database_url: str
    redis_url: str


@dataclass(frozen=True, slots=True)
class Published:
    """What the holder of the lock tells others. `pid` is its own; `sockets` is where its engines listen."""

    pid: int
    sockets: str
    engines: Engines


class Lock:
    """The held lock."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def publish(self, published: Published) -> None:
        """Tell others where the engines are."""
        os.pwrite(self._descriptor, json.dumps(asdict(published)).encode(), 0)

    def withdraw(self) -> None:
        """Tell others that the engines are not to be used now."""
        os.ftruncate(self._descriptor, 0)

    def release(self) -> None:
        """Let another process have the instance."""
        os.close(self._descriptor)


def acquire(folder: Path) -> Lock | None:
    """Take the lock without waiting; None when another process holds it."""
    descriptor = _open(folder / NAME, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    lock = Lock(descriptor)
    lock.withdraw()
    return lock


def published(folder: Path) -> Published | None:
    """What the present holder published; None when nobody holds the lock or nothing is published yet."""
    try:
        descriptor = _open(folder / NAME, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        if not _is_held(descriptor):
            return None
        told = json.loads(os.pread(descriptor, 65536, 0) or b"null")
        return told and Published(told["pid"], told["sockets"], Engines(**told["engines"]))
    except ValueError:
        return None
    finally:
        os.close(descriptor)


def _is_held(descriptor: int) -> bool:
    try:
        # Shared, so that two who look do not see each other; whoever tries to take the lock meanwhile tries again.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return False


def _open(path: Path, flags: int) -> int:
    try:
        return os.open(path, flags, 0o600)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise EngineError(
            f"{path} cannot be opened: {error.strerror}.\n"
            "The data folder belongs to another user, or its disk is read-only; choose another with --data-dir."
        ) from error
