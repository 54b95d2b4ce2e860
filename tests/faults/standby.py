"""A second PostgreSQL that follows the first, and takes its place."""

import asyncio
import shutil
import signal
import tempfile
from pathlib import Path
from typing import Self

import asyncpg

from app.foundation.engines import postgres
from app.foundation.engines.binaries import find_postgres
from app.foundation.engines.privileges import unprivileged
from app.foundation.engines.processes import Child, run
from tests.faults.deployment import Engine

_STOP = ((signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0))
_READY_SECONDS = 60
_FOLLOWS = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"


class Standby:
    """Without it the primary acknowledges nothing, from `follow` on. To be used from the main thread."""

    def __init__(self, primary: Engine) -> None:
        self._primary = primary
        self._identity = unprivileged()
        self._data = primary.data.with_name("standby")
        self.sockets = Path(tempfile.mkdtemp(prefix="standby-"))
        self._identity.own(self.sockets)
        self.socket = str(self.sockets / postgres.SOCKET_NAME)
        self._server: Child | None = None

    async def __aenter__(self) -> Self:
        self._copy()
        command = self._primary.command(data=self._data, sockets=self.sockets)
        log = self._data.with_name("standby.log")
        self._server = Child("PostgreSQL", self._identity, command, log=log, stop=_STOP)
        try:
            self._server.wait_until(lambda: postgres.answers(self.sockets), timeout_seconds=_READY_SECONDS)
            await self._follow()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.stop()
        shutil.rmtree(self.sockets)

    async def promote(self) -> None:
        """Return once it takes writes."""
        connection = await _superuser(self.sockets)
        try:
            assert await connection.fetchval("SELECT pg_promote(true, $1)", _READY_SECONDS)
        finally:
            await connection.close()

    def _copy(self) -> None:
        program = find_postgres(self._identity).folder / "pg_basebackup"
        source = ["--host", self._primary.sockets, "--username", postgres.SUPERUSER]
        options = ["--write-recovery-conf", "--checkpoint=fast", "--no-sync"]
        run(self._identity, [program, *source, "--pgdata", self._data, *options])

    async def _follow(self) -> None:
        """Every commit waits for it from now on."""
        connection = await _superuser(self._primary.sockets)
        try:
            await connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            await connection.execute("SELECT pg_reload_conf()")
            async with asyncio.timeout(_READY_SECONDS):
                while not await connection.fetchval(_FOLLOWS):
                    await asyncio.sleep(0.02)
        finally:
            await connection.close()


async def _superuser(sockets: Path) -> asyncpg.Connection:
    return await asyncpg.connect(user=postgres.SUPERUSER, database=postgres.SUPERUSER, host=str(sockets))
