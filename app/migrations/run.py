"""Bringing a database to this release's schema."""

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
            await guard.execute(text("SELECT pg_advisory_lock(hashtext(:name))"), {"name": _LOCK_NAME})
            await connection.run_sync(_upgrade)
            await connection.commit()
            await ensure_partitions(connection, now)
            await connection.commit()
            return await _revision(connection)
    finally:
        await engine.dispose()


def _upgrade(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


async def _revision(connection: AsyncConnection) -> str:
    return str(await connection.scalar(text("SELECT version_num FROM alembic_version")))
