"""Bringing a database to this release's schema."""

import asyncio
from datetime import datetime
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from app.foundation.dsn import ENGINE_URL, connecting
from app.foundation.partitions import ensure_partitions

_LOCK_NAME = "auth-service migrations"
_TURN_SECONDS = 0.1


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config


async def migrate(database_url: str, now: datetime) -> str:
    """Run every migration that is missing, make the partitions of the coming months, and return the revision.

    Idempotent. Two at once take turns: an advisory lock is held on a connection of its own, because each
    migration commits by itself.
    """
    engine = create_async_engine(ENGINE_URL, async_creator=connecting(database_url), poolclass=NullPool)
    try:
        async with engine.connect() as guard, engine.connect() as connection:
            await _take_turn(await guard.execution_options(isolation_level="AUTOCOMMIT"))
            await connection.run_sync(_upgrade)
            await connection.commit()
            await ensure_partitions(connection, now)
            await connection.commit()
            return await _revision(connection)
    finally:
        await engine.dispose()


async def _take_turn(guard: AsyncConnection) -> None:
    """Take the lock, asking again and again.

    Whoever waited inside one statement, or held the lock in an open transaction, would hold a snapshot, for whose
    end an index that is built CONCURRENTLY waits: both would wait for ever.
    """
    wanted = text("SELECT pg_try_advisory_lock(hashtext(:name))")
    while not await guard.scalar(wanted, {"name": _LOCK_NAME}):  # noqa: ASYNC110 — another process, no event tells
        await asyncio.sleep(_TURN_SECONDS)


def _upgrade(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


async def _revision(connection: AsyncConnection) -> str:
    return str(await connection.scalar(text("SELECT version_num FROM alembic_version")))
