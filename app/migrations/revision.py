"""Whether this release can serve on a database's schema, found out without importing Alembic."""

from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from app.foundation.db import Database
from app.migrations.chain import REVISION_DIGITS


async def schema_fault(db: Database, newest: str) -> str | None:
    """Why this release cannot serve on the database's schema; None when it can.

    A newer schema is fine: release N runs on schema N and N+1. Raises DatabaseUnavailable.
    """
    try:
        async with db.transaction() as tx:
            revision = await tx.scalar(text("SELECT version_num FROM alembic_version"))
    except ProgrammingError:
        return "the database was never migrated; run `auth-service migrate`"
    if revision is None or str(revision)[:REVISION_DIGITS] < newest:
        return f"the schema is older than {newest}; run `auth-service migrate`"
    return None
