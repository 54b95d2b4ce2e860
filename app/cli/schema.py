"""How far a database is, found out without importing the migrations: `dev` looks at each start."""

from dataclasses import dataclass

import asyncpg

from app.foundation.dsn import driver_dsn

_LOOK = """
SELECT to_regclass('alembic_version') IS NOT NULL AS migrated, to_regclass('signing_keys') IS NOT NULL AS has_table
"""


@dataclass(frozen=True, slots=True)
class Schema:
    """`revision` is None before the first migration; `holds_keys` says that something is encrypted in it."""

    revision: str | None
    holds_keys: bool


async def look_at(database_url: str) -> Schema:
    """Read the state of a database."""
    connection = await asyncpg.connect(driver_dsn(database_url))
    try:
        found = await connection.fetchrow(_LOOK)
        revision = await connection.fetchval("SELECT version_num FROM alembic_version") if found["migrated"] else None
        holds_keys = found["has_table"] and await connection.fetchval("SELECT EXISTS (SELECT FROM signing_keys)")
        return Schema(revision, bool(holds_keys))
    finally:
        await connection.close()
