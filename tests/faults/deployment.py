"""The processes that drills break: the service's, and PostgreSQL."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from app.foundation.engines import postgres
from app.foundation.engines.instance import Instance
from app.foundation.engines.privileges import unprivileged
from app.foundation.engines.processes import Child
from tests.cli.running import CLEAN, PROJECT, command_of, descendants, get

FULL = bool(os.environ.get("FULL_DRILLS"))


def length(short: float, full: float) -> float:
    """Seconds or rounds: the first in the suite, the second in `make drills`."""
    return full if FULL else short


def dsn(url: str) -> str:
    """SQLAlchemy's address of a database as asyncpg takes it."""
    return url.replace("postgresql+asyncpg", "postgresql", 1)


class Deployment:
    """The service on one port; `start` and `end` as often as one likes."""

    def __init__(
        self,
        environment: dict[str, str],
        port: int,
        log: Path,
        *,
        workers: int = 1,
        database: str = "",
        open_files: int | None = None,
        health: int = 200,
    ) -> None:
        self.environment = environment
        self.port = port
        self.url = environment["PUBLIC_URL"]
        # For looking, past any proxy.
        self.database = database
        self._log = log
        self._workers = workers
        # What `/health/ready` answers once it has started.
        self._health = health
        # Both limits, and before the program starts: it would raise the soft one.
        self._under = [] if open_files is None else ["sh", "-c", f'ulimit -n {open_files} && exec "$@"', "sh"]
        self._service: subprocess.Popen[bytes] | None = None
        # What the last start has taken until every process served.
        self.start_seconds = 0.0

    def start(self) -> None:
        before, began = self.starts(), time.monotonic()
        command = ["serve", "--port", str(self.port), "--workers", str(self._workers)]
        with self._log.open("ab") as log:
            self._service = subprocess.Popen(
                [*self._under, sys.executable, "-m", "app.cli", *command],
                env=CLEAN | self.environment,
                cwd=PROJECT,
                stdout=log,
                stderr=log,
            )
        deadline = began + 180
        while self.starts() < before + self._workers or not self._is_ready():
            assert self._service.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, self._log.read_text()
            time.sleep(0.02)
        self.start_seconds = time.monotonic() - began

    def end(self, number: signal.Signals) -> None:
        if self._service is not None:
            self._service.send_signal(number)
            self._service.wait(60)
            self._service = None

    def stop(self) -> None:
        """End whatever state it is in."""
        if self._service is not None and self._service.poll() is None:
            for pid in self.pids():
                os.kill(pid, signal.SIGCONT)
            self._service.terminate()
            try:
                self._service.wait(30)
            except subprocess.TimeoutExpired:
                self._service.kill()
                self._service.wait(10)
        self._service = None

    def pids(self) -> list[int]:
        """The web processes."""
        assert self._service is not None
        if self._workers == 1:
            return [self._service.pid]
        commands = [(pid, command_of(pid)) for pid in descendants(self._service.pid)]
        return [pid for pid, command in commands if b"--descriptor" in command]

    def log(self) -> str:
        return self._log.read_text() if self._log.exists() else ""

    def starts(self) -> int:
        """How many web processes have ever begun to serve."""
        return self.log().count("Application startup complete.")

    def unexpected(self) -> list[str]:
        """What the log says of faults of our own."""
        return [line for line in self.log().splitlines() if "Traceback" in line or '"level": "error"' in line]

    def _is_ready(self) -> bool:
        try:
            # Past any proxy.
            return get(f"http://localhost:{self.port}/health/ready")[0] == self._health
        except OSError:
            return False


class Engine:
    """PostgreSQL as a drill treats it. To be used from the main thread."""

    def __init__(self, instance: Instance) -> None:
        self._postgres = instance.postgres
        child = self._postgres.engine
        self._command = [os.fsdecode(part) for part in command_of(child.pid).split(b"\0")[:-1]]
        setting = next(part for part in self._command if part.startswith("unix_socket_directories="))
        self.sockets = Path(setting.partition("=")[2].strip('"'))
        self.socket = str(self.sockets / postgres.SOCKET_NAME)
        self.data = Path(self._command[self._command.index("-D") + 1])

    async def stop(self) -> None:
        """An immediate stop: no checkpoint, no goodbye to anyone."""
        await self._end(signal.SIGQUIT)

    async def kill(self) -> None:
        """kill -9 of the postmaster; its backends end when they notice."""
        await self._end(signal.SIGKILL)

    async def start(self, *, seconds: float = 60) -> None:
        """Start again and return once it answers. What a killed one left in memory is waited for."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            child = Child("PostgreSQL", unprivileged(), self._command, log=self._postgres._log, stop=postgres._STOP)
            self._postgres._engine = child
            while child.is_running and time.monotonic() < deadline:
                if await asyncio.to_thread(postgres.answers, self.sockets):
                    return
                await asyncio.sleep(0.005)
            await asyncio.sleep(0.05)
        raise AssertionError("PostgreSQL did not come back")

    def command(self, *, data: Path, sockets: Path) -> list[str]:
        """What starts another server with the same settings."""
        places = {str(self.data): str(data), _directories(self.sockets): _directories(sockets)}
        return [places.get(part, part) for part in self._command]

    async def _end(self, number: signal.Signals) -> None:
        child = self._postgres.engine
        child.send(number)
        while child.is_running:
            await asyncio.sleep(0.002)


def _directories(sockets: Path) -> str:
    return f'unix_socket_directories="{sockets}"'
