"""The servers that tests run on: embedded ones, or those that the environment names."""

import asyncio
import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from app.cli.servers import OwnServers
from app.foundation.engines.lock import Engines
from tests.support import RUN

# What one worker's engines need, and as much again.
_ROOM_BYTES = 4 * 1024**3


def quick_folder() -> Path | None:
    """A folder in memory for engines that forget everything in the end; None where there is none with room.

    Making and dropping a database of 700 files for each test costs a quarter there of what it does on a disk.
    """
    shared = Path("/dev/shm")
    if not (shared.is_dir() and os.access(shared, os.W_OK)):
        return None
    return shared if shutil.disk_usage(shared).free >= _ROOM_BYTES else None


def given_servers(environ: Mapping[str, str], worker: str) -> OwnServers:
    """What DATABASE__URL and REDIS__URL name; each worker of a parallel run takes a Redis database of its own."""
    redis_url = environ.get("REDIS__URL") or None
    if redis_url is not None and worker != "master":
        number = int(worker.removeprefix("gw")) % 16
        redis_url = urlsplit(redis_url)._replace(path=f"/{number}").geturl()
    return OwnServers(environ.get("DATABASE__URL") or None, redis_url)


@contextlib.contextmanager
def database_of_this_run(server: Engines) -> Iterator[Engines]:
    """The server with a new database for this run, which goes at the end with all that were made beside it."""
    name = f"suite_{RUN}"
    asyncio.run(execute(server.database_url, f"CREATE DATABASE {name}"))
    try:
        yield Engines(database_named(server, name), server.redis_url)
    finally:
        asyncio.run(_drop_databases(server.database_url))


def database_named(engines: Engines, name: str) -> str:
    """Where a database of that name is on the same server."""
    base, _, query = engines.database_url.partition("?")
    return f"{base.rpartition('/')[0]}/{name}?{query}"


async def execute(url: str, statement: str) -> None:
    """Run one statement outside any transaction."""
    connection = await asyncpg.connect(dsn(url))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _drop_databases(url: str) -> None:
    connection = await asyncpg.connect(dsn(url))
    try:
        for row in await connection.fetch("SELECT datname FROM pg_database WHERE datname LIKE '%' || $1", f"_{RUN}"):
            await connection.execute(f"DROP DATABASE {row['datname']} WITH (FORCE)")
    finally:
        await connection.close()


def dsn(url: str) -> str:
    """The same address for asyncpg itself."""
    return url.replace("postgresql+asyncpg", "postgresql", 1)
