"""One development instance: its folder, its lock, its two engines."""

import contextlib
import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from app.foundation.engines import lock as locks
from app.foundation.engines import postgres, sockets, valkey
from app.foundation.engines.errors import EngineError
from app.foundation.engines.lock import Engines, Lock, Published
from app.foundation.engines.privileges import Identity, unprivileged

FOLDER_NAME = "engines"
_POLL_SECONDS = 0.02
# A first start by another process, or the shutdown of one, is waited for this long.
_WAIT_SECONDS = 60.0
# Whoever merely looks holds the lock for an instant; a lock held longer is held by a running instance.
_LOOK_SECONDS = 0.5


class AlreadyRunning(EngineError):
    """Another process runs this instance. `engines` is where, verified to answer."""

    def __init__(self, data_dir: Path, published: Published) -> None:
        super().__init__(f"The instance in {data_dir} is running already (process {published.pid}).")
        self.engines = published.engines


class Instance:
    """The engines of one data folder, run by this process.

    `data_dir` is made when missing; all that an instance makes is in its subfolder `engines`. An address given as
    `database_url` or `redis_url` is a server of one's own: it is used and its engine is not started. With
    `durable=False` a power cut may lose data: for tests.

    Start it from the main thread: the kernel ends the engines when the thread that started them ends. Processes
    that this one forks without exec keep the lock alive; spawn them instead.
    """

    def __init__(
        self, data_dir: Path, *, durable: bool = True, database_url: str | None = None, redis_url: str | None = None
    ) -> None:
        self._data_dir = data_dir.absolute()
        self._durable = durable
        self._own_database_url = database_url
        self._own_redis_url = redis_url
        self._lock: Lock | None = None
        self._engines: Engines | None = None
        self._identity: Identity | None = None
        self._started_by = 0
        self.postgres: postgres.Postgres | None = None
        self.valkey: valkey.Valkey | None = None

    def start(self) -> Engines:
        """Start both engines and return when they answer; if this object runs them already, say where.

        Blocks: half a second on first use, then a few hundredths. While another process holds the instance this
        waits until that one's engines answer, and raises AlreadyRunning, or until it lets go, and takes over.
        Raises EngineError.
        """
        if self._engines is not None:
            return self._engines
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("an instance is started from the main thread")
        self._started_by = os.getpid()
        self._identity = unprivileged()
        folder = _open_folder(self._data_dir)
        self._lock = self._take_lock(folder)
        try:
            self._engines = self._start_engines(folder, self._identity, self._lock)
        except BaseException:
            self.stop()
            raise
        return self._engines

    def check(self) -> None:
        """Raise EngineError if an engine has ended by itself."""
        for part in (self.postgres, self.valkey):
            if part is not None and part.engine is not None and not part.engine.is_running:
                raise part.engine.failure()

    def stop(self) -> None:
        """Shut both engines down, in order, and release the lock. Does nothing if this process runs none."""
        if self._lock is None or self._identity is None or os.getpid() != self._started_by:
            return
        self._lock.withdraw()
        parts = [part for part in (self.postgres, self.valkey) if part is not None]
        for part in parts:
            if part.engine is not None:
                part.engine.ask_to_stop()
        for part in parts:
            part.stop()
        sockets.close_sockets(self._data_dir / FOLDER_NAME, self._identity)
        self._lock.release()
        self._lock = self._engines = self.postgres = self.valkey = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _take_lock(self, folder: Path) -> Lock:
        deadline = time.monotonic() + _WAIT_SECONDS
        while True:
            taken = locks.acquire(folder)
            if taken is not None:
                return taken
            found = _published(self._data_dir)
            if found is not None:
                raise AlreadyRunning(self._data_dir, found)
            if time.monotonic() > deadline:
                raise EngineError(
                    f"Another process holds the instance in {self._data_dir}, and its engines do not answer.\n"
                    "End that process, or choose another folder with --data-dir."
                )
            time.sleep(_POLL_SECONDS)

    def _start_engines(self, folder: Path, identity: Identity, lock: Lock) -> Engines:
        identity.own(folder)
        folder.chmod(0o700)
        identity.reach(folder)
        where = _recover(folder, identity)
        if self._own_database_url is None:
            self.postgres = postgres.Postgres(folder, identity, durable=self._durable)
            self.postgres.start(where)
        if self._own_redis_url is None:
            self.valkey = valkey.Valkey(folder, identity)
            self.valkey.start(where)
        engines = Engines(
            self._own_database_url or postgres.database_url(where), self._own_redis_url or valkey.redis_url(where)
        )
        lock.publish(Published(os.getpid(), str(where), engines))
        return engines


def running(data_dir: Path) -> Engines | None:
    """Where the engines of an instance are that some process runs, verified to answer; None when none does."""
    found = _published(data_dir.absolute())
    return found.engines if found is not None else None


@contextlib.contextmanager
def attach_or_start(
    data_dir: Path, *, database_url: str | None = None, redis_url: str | None = None
) -> Iterator[Engines]:
    """The engines of an instance, for one command: those that run, else started and stopped again afterwards.

    Raises EngineError.
    """
    instance = Instance(data_dir, database_url=database_url, redis_url=redis_url)
    try:
        engines = instance.start()
    except AlreadyRunning as found:
        engines = found.engines
    try:
        yield engines
    finally:
        instance.stop()


def reset(data_dir: Path) -> None:
    """Remove what the instance made: its databases, logs and sockets. Other files in the folder stay.

    Raises EngineError while a process runs the instance.
    """
    folder = data_dir.absolute() / FOLDER_NAME
    if not os.path.lexists(folder):
        return
    deadline = time.monotonic() + _LOOK_SECONDS
    while (lock := locks.acquire(folder)) is None:
        if time.monotonic() > deadline:
            raise EngineError(f"The instance in {data_dir} is running. Stop it (Ctrl-C), then reset it.")
        time.sleep(_POLL_SECONDS)
    try:
        identity = unprivileged()
        identity.own(folder)
        _recover(folder, identity)
        sockets.close_sockets(folder, identity)
        unfinished = folder.glob(f"{postgres.UNFINISHED_PREFIX}*")
        for made in (folder / postgres.DATA_NAME, folder / valkey.DATA_NAME, *unfinished):
            if made.exists():
                shutil.rmtree(made)
        for log in (postgres.LOG_NAME, valkey.LOG_NAME):
            (folder / log).unlink(missing_ok=True)
            (folder / f"{log}.1").unlink(missing_ok=True)
    finally:
        lock.release()


def _published(data_dir: Path) -> Published | None:
    found = locks.published(data_dir / FOLDER_NAME)
    if found is None:
        return None
    where = Path(found.sockets)
    starts_postgres = found.engines.database_url == postgres.database_url(where)
    starts_valkey = found.engines.redis_url == valkey.redis_url(where)
    alive = (not starts_postgres or postgres.answers(where)) and (not starts_valkey or valkey.answers(where))
    return found if alive else None


def _recover(folder: Path, identity: Identity) -> Path:
    """End what a killed predecessor left running, and give an empty folder for the sockets."""
    postgres.Postgres(folder, identity, durable=True).recover()
    valkey.Valkey(folder, identity).recover()
    return sockets.open_sockets(folder, identity)


def _open_folder(data_dir: Path) -> Path:
    folder = data_dir / FOLDER_NAME
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise EngineError(
            f"The data folder {data_dir} cannot be made: {error.strerror}.\nChoose another with --data-dir."
        ) from error
    return folder
