"""Reading and writing password hashes."""

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, literal_column, select, text, update
from sqlalchemy.dialects.postgresql import insert

from app.factors.password.models import PasswordCredential
from app.foundation.db import Transaction

# Whether the user has signed in since the last failure, or proven themselves again: the log has an index on subject
# and id.
_SIGNED_IN_SINCE = """EXISTS (
      SELECT FROM audit_entries a
      WHERE a.subject = {sub} AND a.id > c.last_failure AND a.type IN ('session.created', 'session.reauthenticated')
    )"""

# Whether wrong passwords have locked an account: part of a statement over users `u` and password_credentials `c`, whose
# parameter $2 is how many lock. The log is asked for a locked account alone.
LOCKED = f"CASE WHEN c.failures >= $2 THEN NOT {_SIGNED_IN_SINCE.format(sub='u.sub')} ELSE false END"

_COUNT_FAILURE = text(
    f"""
    UPDATE password_credentials c
    SET failures = CASE WHEN {_SIGNED_IN_SINCE.format(sub=":sub")} THEN 1 ELSE c.failures + 1 END,
      last_failure = :marker
    WHERE c.user_id = :user_id RETURNING c.failures
    """  # noqa: S608 — built from constants; every value is a parameter
)


# Written anew where it is not there yet, so that nothing has to be set up; from then on it is the same update.
_COUNT_NOBODYS = text(
    f"""
    INSERT INTO password_credentials AS c (user_id, password_hash, created_at, changed_at, failures, last_failure)
    VALUES (:user_id, '', :now, :now, 1, :marker)
    ON CONFLICT (user_id) DO UPDATE
    SET failures = CASE WHEN {_SIGNED_IN_SINCE.format(sub=":sub")} THEN 1 ELSE c.failures % 1000 + 1 END,
      last_failure = excluded.last_failure
    RETURNING c.failures
    """  # noqa: S608 — built from constants; every value is a parameter
)


async def find_hash(tx: Transaction, user_id: UUID) -> str | None:
    """The hash of a user's password."""
    statement = select(PasswordCredential.password_hash).where(PasswordCredential.user_id == user_id)
    return await tx.scalar(statement)


async def put(tx: Transaction, user_id: UUID, password_hash: str, *, now: datetime) -> bool:
    """Write a user's hash; True when it took the place of another."""
    row = {"user_id": user_id, "password_hash": password_hash, "created_at": now, "changed_at": now}
    statement = insert(PasswordCredential).values(row)
    statement = statement.on_conflict_do_update(
        index_elements=[PasswordCredential.user_id],
        set_={
            "password_hash": statement.excluded.password_hash,
            "changed_at": statement.excluded.changed_at,
            "failures": 0,
        },
    )
    # A row that this statement inserted has never been locked or deleted.
    replaced: bool | None = await tx.scalar(statement.returning(literal_column("xmax <> 0")))
    return bool(replaced)


_ADD_ALL = text(
    """
    INSERT INTO password_credentials (user_id, password_hash, created_at, changed_at)
    SELECT user_id, password_hash, CAST(:now AS timestamptz), CAST(:now AS timestamptz)
    FROM json_to_recordset(CAST(:rows AS json)) AS given (user_id uuid, password_hash text)
    """
)


async def add_all(tx: Transaction, hashes: Mapping[UUID, str], *, now: datetime) -> None:
    """Write the hashes of many users who have none."""
    rows = [{"user_id": str(user_id), "password_hash": value} for user_id, value in hashes.items()]
    if rows:
        await tx.execute(_ADD_ALL, {"rows": json.dumps(rows), "now": now})


async def find_all(tx: Transaction, user_ids: Collection[UUID]) -> dict[UUID, str]:
    """The hashes of many users."""
    statement = select(PasswordCredential.user_id, PasswordCredential.password_hash)
    rows = await tx.execute(statement.where(PasswordCredential.user_id.in_(user_ids)))
    return {row.user_id: row.password_hash for row in rows}


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


async def count_failure(tx: Transaction, user_id: UUID, *, sub: str, marker: UUID) -> int | None:
    """Count one more failure since the last sign-in, and return how many there are; None without a password."""
    values = {"user_id": user_id, "sub": sub, "marker": marker}
    return (await tx.execute(_COUNT_FAILURE, values)).scalar()


async def count_nobodys_failure(tx: Transaction, user_id: UUID, *, now: datetime, marker: UUID) -> None:
    """Do for an account that is not there what `count_failure` does for one that is.

    `user_id` is no user's: the row holds a password that nothing hashes to, and its count means nothing.
    """
    values = {"user_id": user_id, "sub": "", "now": now, "marker": marker}
    await tx.execute(_COUNT_NOBODYS, values)


async def forget_failures(tx: Transaction, user_id: UUID) -> bool:
    """Set the count to nought; False where it was."""
    statement = (
        update(PasswordCredential)
        .where(PasswordCredential.user_id == user_id, PasswordCredential.failures > 0)
        .values(failures=0)
    )
    return (await tx.execute(statement.returning(PasswordCredential.user_id))).first() is not None
