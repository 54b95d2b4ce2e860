"""PostgreSQL on a unix socket: its data folder, its start, its stop."""

import contextlib
import os
import shutil
import signal
import time
from pathlib import Path
from urllib.parse import quote

from app.foundation.engines.binaries import PostgresBinaries, find_postgres
from app.foundation.engines.errors import EngineError
from app.foundation.engines.privileges import Identity
from app.foundation.engines.processes import Child, end_orphan, run, runs_on
from app.foundation.engines.wire import PostgresRefused, ask_postgres

USER = DATABASE = "auth"
SUPERUSER = "postgres"
SOCKET_NAME = ".s.PGSQL.5432"
DATA_NAME = "postgres"
UNFINISHED_PREFIX = "postgres.unfinished."
LOG_NAME = "postgres.log"

# SIGINT is PostgreSQL's fast shutdown: it rolls back, writes a checkpoint and leaves nothing to recover. SIGQUIT
# leaves the recovery to the next start and still loses nothing that was committed.
_STOP = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))
# Recovery after a crash reads the log from the last checkpoint, which can take a while.
_READY_SECONDS = 120.0
# The backends of a killed postmaster notice its death within moments and let go of its shared memory.
_LEFTOVER_SECONDS = 10.0
_NO_SUCH_DATABASE, _NO_SUCH_ROLE, _NOT_YET = "3D000", "28000", "57P03"

_SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "max_locks_per_transaction": "128",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
    "log_destination": "stderr",
    "log_checkpoints": "off",
    # Neither a statement nor a row that broke a constraint is logged: both may hold an address or a hash.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}
# Tests also make and drop databases by the hundred: a worker of autovacuum in one of them would keep it from going.
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}


def database_url(sockets: Path) -> str:
    """The address of the database, for SQLAlchemy; without `+asyncpg` also for asyncpg itself."""
    return f"postgresql+asyncpg://{USER}@/{DATABASE}?host={quote(str(sockets))}"


def answers(sockets: Path) -> bool:
    """Whether the database accepts connections."""
    try:
        ask_postgres(sockets / SOCKET_NAME, user=USER, database=DATABASE)
    except OSError:
        return False
    except PostgresRefused as refusal:
        # It is starting up or shutting down; any other refusal (too many connections) comes from a running server.
        return refusal.code != _NOT_YET
    return True


class Postgres:
    """The PostgreSQL of one instance, in `folder`. With `durable=False` a power cut may lose data: for tests."""

    def __init__(self, folder: Path, identity: Identity, *, durable: bool) -> None:
        self._data = folder / DATA_NAME
        self._folder = folder
        self._log = folder / LOG_NAME
        self._identity = identity
        self._durable = durable
        self._engine: Child | None = None

    @property
    def engine(self) -> Child | None:
        """The process, once started."""
        return self._engine

    def start(self, sockets: Path) -> None:
        """Make the data folder on first use, start the server, and return when the database answers.

        Raises EngineError.
        """
        binaries = find_postgres(self._identity)
        self._initialize(binaries)
        deadline = time.monotonic() + _LEFTOVER_SECONDS
        while True:
            try:
                self._launch(binaries, sockets)
            except EngineError as error:
                self.stop()
                if "shared memory block" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                return

    def stop(self) -> None:
        """Shut down; does nothing if it does not run."""
        if self._engine is not None:
            self._engine.stop()

    def recover(self) -> None:
        """End a server whose parent died, and forget a process id that now belongs to a stranger.

        PostgreSQL itself would refuse to start for any live process that happens to have that id.
        """
        note = self._data / "postmaster.pid"
        try:
            pid = int(note.read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return
        end_orphan(pid, self._data, _STOP)
        if not runs_on(pid, self._data):
            note.unlink(missing_ok=True)

    def _initialize(self, binaries: PostgresBinaries) -> None:
        if self._data.exists():
            self._check_version(binaries)
            self._identity.own(self._data)
            return
        # Made beside and renamed when complete, so that an interrupted first start leaves nothing half-made. A
        # killed initdb may have left a process that still writes for a moment: hence a name of its own each time.
        for leftover in self._folder.glob(f"{UNFINISHED_PREFIX}*"):
            shutil.rmtree(leftover, ignore_errors=True)
        unfinished = self._folder / f"{UNFINISHED_PREFIX}{os.getpid()}"
        builtin = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if binaries.major >= 17 else []
        arguments = ["--auth-local=trust", "--auth-host=reject", "--encoding=UTF8", "--locale=C", *builtin]
        arguments += [f"--username={SUPERUSER}", "--no-instructions", *([] if self._durable else ["--no-sync"])]
        run(self._identity, [binaries.initdb, "-D", unfinished, *arguments])
        unfinished.rename(self._data)

    def _check_version(self, binaries: PostgresBinaries) -> None:
        try:
            made_by = (self._data / "PG_VERSION").read_text().strip()
        except OSError as error:
            raise EngineError(
                f"{self._data} is not a PostgreSQL data folder ({error.strerror}: PG_VERSION).\n"
                "Move it away, or start afresh with --reset."
            ) from error
        if made_by != str(binaries.major):
            raise EngineError(
                f"{self._data} was made by PostgreSQL {made_by}; {binaries.postgres} is PostgreSQL {binaries.major}.\n"
                f"To keep the data, set AUTH_PG_BIN to the bin folder of a PostgreSQL {made_by}. "
                "To start afresh, use --reset."
            )

    def _launch(self, binaries: PostgresBinaries, sockets: Path) -> None:
        settings = _SETTINGS | ({} if self._durable else _NOT_DURABLE)
        # The setting is a list; the quotes keep a comma or a space in the path from splitting it.
        settings["unix_socket_directories"] = '"' + str(sockets).replace('"', '""') + '"'
        if binaries.major >= 18:
            settings["io_method"] = "sync"  # no idle processes for an instance that fits in memory
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._engine = Child(
            "PostgreSQL", self._identity, [binaries.postgres, "-D", self._data, *options], log=self._log, stop=_STOP
        )
        self._engine.wait_until(lambda: _is_ready(sockets), timeout_seconds=_READY_SECONDS)


def _is_ready(sockets: Path) -> bool:
    try:
        ask_postgres(sockets / SOCKET_NAME, user=USER, database=DATABASE)
    except OSError:
        return False
    except PostgresRefused as refusal:
        if refusal.code in {_NO_SUCH_DATABASE, _NO_SUCH_ROLE}:
            _create_database(sockets)
            return True
        if refusal.code == _NOT_YET:
            return False
        raise EngineError(f"PostgreSQL refuses its own start-up connection: {refusal}") from refusal
    return True


def _create_database(sockets: Path) -> None:
    """Make the service's role and database. The role is no superuser, as in production, but may create databases."""
    path = sockets / SOCKET_NAME
    with contextlib.suppress(PostgresRefused):  # it exists when an earlier first start was cut short here
        ask_postgres(path, user=SUPERUSER, database=SUPERUSER, statements=(f"CREATE ROLE {USER} LOGIN CREATEDB",))
    create = f"CREATE DATABASE {DATABASE} OWNER {USER}"
    ask_postgres(path, user=SUPERUSER, database=SUPERUSER, statements=(create,))
