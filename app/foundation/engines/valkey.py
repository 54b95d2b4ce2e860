"""Valkey on a unix socket. Nothing in it outlives a restart: all it holds can be rebuilt from PostgreSQL."""

import signal
from pathlib import Path
from urllib.parse import quote

from app.foundation.engines.binaries import find_valkey
from app.foundation.engines.privileges import Identity
from app.foundation.engines.processes import Child, end_orphan
from app.foundation.engines.wire import ping_valkey

SOCKET_NAME = "valkey.sock"
DATA_NAME = "valkey"
LOG_NAME = "valkey.log"
_CONFIGURATION_NAME = "valkey.conf"
_PID_NAME = "valkey.pid"

_STOP = ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0))
_READY_SECONDS = 30.0

_CONFIGURATION = """\
port 0
unixsocket {socket}
unixsocketperm 600
dir {folder}
pidfile {pid_file}
daemonize no
logfile ""
loglevel warning
save ""
appendonly no
maxmemory 256mb
maxmemory-policy volatile-ttl
set-proc-title no
"""


def redis_url(sockets: Path) -> str:
    """The address for redis-py."""
    return f"unix://{quote(str(sockets / SOCKET_NAME))}?db=0"


def answers(sockets: Path) -> bool:
    """Whether Valkey accepts commands."""
    try:
        return ping_valkey(sockets / SOCKET_NAME)
    except OSError:
        return False


class Valkey:
    """The Valkey of one instance, in `folder`."""

    def __init__(self, folder: Path, identity: Identity) -> None:
        self._folder = folder / DATA_NAME
        self._log = folder / LOG_NAME
        self._identity = identity
        self._engine: Child | None = None

    @property
    def engine(self) -> Child | None:
        """The process, once started."""
        return self._engine

    def start(self, sockets: Path) -> None:
        """Start the server and return when it answers. Raises EngineError."""
        program = find_valkey(self._identity)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        configuration = self._folder / _CONFIGURATION_NAME
        configuration.write_text(
            _CONFIGURATION.format(
                socket=_quoted(sockets / SOCKET_NAME),
                folder=_quoted(self._folder),
                pid_file=_quoted(self._folder / _PID_NAME),
            )
        )
        self._identity.own(self._folder)
        self._engine = Child("Valkey", self._identity, [program, configuration], log=self._log, stop=_STOP)
        self._engine.wait_until(lambda: answers(sockets), timeout_seconds=_READY_SECONDS)

    def stop(self) -> None:
        """Shut down; does nothing if it does not run."""
        if self._engine is not None:
            self._engine.stop()

    def recover(self) -> None:
        """End a server whose parent died."""
        note = self._folder / _PID_NAME
        try:
            pid = int(note.read_text())
        except (OSError, ValueError):
            return
        end_orphan(pid, self._folder, _STOP)
        note.unlink(missing_ok=True)


def _quoted(path: Path) -> str:
    """A path as one word of a configuration file."""
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'
