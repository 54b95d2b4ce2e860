"""Alembic's entry: `alembic upgrade head` with DATABASE__URL, online or as SQL."""

import asyncio
import os

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from app.foundation.dsn import ENGINE_URL, connecting
from app.migrations.tables import metadata

# A statement that waits longer for its lock would make every query behind it wait too: give way and try again.
LOCK_TIMEOUT_MILLISECONDS = 2000


def include_object(_: object, name: str | None, kind: str, reflected: bool, __: object) -> bool:  # noqa: FBT001
    """Leave out of autogeneration what no model speaks of: partitions, which come and go, and the job queue's own."""
    is_foreign = kind == "table" and reflected and name is not None and name not in metadata.tables
    return not (is_foreign and name is not None and ("_p" in name or name.startswith("pgqueuer")))


def run(connection: Connection) -> None:
    """Run the migrations on an open connection; each commits by itself."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        transaction_per_migration=True,
        compare_type=True,
        compare_server_default=True,
        include_object=include_object,
    )
    with context.begin_transaction():
        connection.execute(text(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MILLISECONDS}"))
        context.run_migrations()


async def run_online() -> None:
    """Run the migrations on a connection of their own."""
    engine = create_async_engine(ENGINE_URL, async_creator=connecting(os.environ["DATABASE__URL"]), poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(run)
        await connection.commit()
    await engine.dispose()


given: Connection | None = context.config.attributes.get("connection")
if context.is_offline_mode():
    context.configure(dialect_name="postgresql", target_metadata=metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
elif given is not None:
    run(given)
else:
    asyncio.run(run_online())
