"""Reading and writing password hashes."""

import json
from datetime import datetime
from uuid import UUID

import asyncpg
from sqlalchemy import delete, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert

from app.factors.password.models import PasswordCredential
from app.foundation.db import Transaction
from app.users import models as users
from app.users.user import User

# The user of an address and their hash, for the hot pool. Parameter: $1 the address's key.
FIND_LOGIN = f"""
    SELECT {", ".join(f"u.{column.key}" for column in users.COLUMNS)}, c.password_hash
    FROM users u LEFT JOIN password_credentials c ON c.user_id = u.id WHERE u.email_key = $1
    """  # noqa: S608 — built from constants; the value is a parameter


async def find_hash(tx: Transaction, user_id: UUID) -> str | None:
    """The hash of a user's password."""
    statement = select(PasswordCredential.password_hash).where(PasswordCredential.user_id == user_id)
    return await tx.scalar(statement)


def login_of(row: asyncpg.Record) -> tuple[User, str | None]:
    """The user and the hash in a row of `FIND_LOGIN`."""
    return users.as_user({**row, "attributes": json.loads(row["attributes"])}), row["password_hash"]


async def put(tx: Transaction, user_id: UUID, password_hash: str, *, now: datetime) -> bool:
    """Write a user's hash; True when it took the place of another."""
    row = {"user_id": user_id, "password_hash": password_hash, "created_at": now, "changed_at": now}
    statement = insert(PasswordCredential).values(row)
    statement = statement.on_conflict_do_update(
        index_elements=[PasswordCredential.user_id],
        set_={"password_hash": statement.excluded.password_hash, "changed_at": statement.excluded.changed_at},
    )
    # A row that this statement inserted has never been locked or deleted.
    replaced: bool | None = await tx.scalar(statement.returning(literal_column("xmax <> 0")))
    return bool(replaced)


async def swap(tx: Transaction, user_id: UUID, *, old_hash: str, new_hash: str) -> bool:
    """Put one hash in another's place, unless that is gone."""
    statement = (
        update(PasswordCredential)
        .where(PasswordCredential.user_id == user_id, PasswordCredential.password_hash == old_hash)
        .values(password_hash=new_hash)
    )
    return (await tx.execute(statement.returning(PasswordCredential.user_id))).first() is not None


async def remove(tx: Transaction, user_id: UUID) -> bool:
    """Delete a user's hash; False when there was none."""
    statement = delete(PasswordCredential).where(PasswordCredential.user_id == user_id)
    return (await tx.execute(statement.returning(PasswordCredential.user_id))).first() is not None
