"""Reading and writing users."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Executable, delete, exists, literal, select, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.exc import IntegrityError

from app.foundation.db import Transaction
from app.users import models
from app.users.email import EmailAddress, EmailKey, fold
from app.users.models import COLUMNS, as_user
from app.users.user import Entry, User, UserStatus

_TABLE = models.User


async def add(tx: Transaction, user: User, email: EmailAddress, entry: Entry) -> bool:
    """Write a new user; False when the address has one.

    The unique constraint decides, without failing the transaction: a second writer of the same address waits
    here for the first one's end.
    """
    row = {
        "id": user.id,
        "sub": user.sub,
        "email": email.typed,
        "email_key": email.key,
        "email_verified_at": user.email_verified_at,
        "name": user.name,
        "name_key": None if user.name is None else fold(user.name),
        "locale": user.locale,
        "attributes": dict(user.attributes),
        "entry": entry.value,
        "status": user.status.value,
        "credentials_version": user.credentials_version,
        "created_at": user.created_at,
        "updated_at": user.created_at,
    }
    statement = insert(_TABLE).values(row).on_conflict_do_nothing(index_elements=[_TABLE.email_key])
    return (await tx.execute(statement.returning(_TABLE.id))).first() is not None


async def any_demo(tx: Transaction) -> bool:
    """Whether a user of the demo is among the users."""
    return bool(await tx.scalar(select(exists().where(_TABLE.entry == Entry.DEMO.value))))


async def find(tx: Transaction, user_id: UUID) -> User | None:
    """The user of this row id."""
    return await _one(tx, select(*COLUMNS).where(_TABLE.id == user_id))


async def hold(tx: Transaction, user_id: UUID) -> User | None:
    """The user of this row id, with the row locked against a change."""
    return await _one(tx, select(*COLUMNS).where(_TABLE.id == user_id).with_for_update())


async def change_email(tx: Transaction, user_id: UUID, email: EmailAddress, *, now: datetime, verified: bool) -> bool:
    """Write an address; False when another user has it."""
    verified_at = now if verified else None
    values = {"email": email.typed, "email_key": email.key, "email_verified_at": verified_at, "updated_at": now}
    try:
        # The unique constraint decides; a savepoint keeps the transaction usable.
        async with tx.begin_nested():
            await tx.execute(update(_TABLE).where(_TABLE.id == user_id).values(**values))
    except IntegrityError:
        return False
    return True


async def find_by_sub(tx: Transaction, sub: str) -> User | None:
    """The user of this subject."""
    return await _one(tx, select(*COLUMNS).where(_TABLE.sub == sub))


async def find_by_key(tx: Transaction, key: EmailKey) -> User | None:
    """The user whose address has this key."""
    return await _one(tx, select(*COLUMNS).where(_TABLE.email_key == key))


async def list_after(tx: Transaction, *, after: UUID | None, limit: int, key_prefix: str | None) -> tuple[User, ...]:
    """Users in the order of their ids, which is the order in which they were made."""
    statement = select(*COLUMNS).order_by(_TABLE.id).limit(limit)
    if after is not None:
        statement = statement.where(_TABLE.id > after)
    if key_prefix is not None:
        statement = statement.where(_TABLE.email_key.startswith(key_prefix, autoescape=True))
    return tuple(as_user(dict(row)) for row in (await tx.execute(statement)).mappings())


async def change(tx: Transaction, user_id: UUID, *, now: datetime, values: Mapping[str, object]) -> User | None:
    """Set columns of one user; None when there is no such user."""
    statement = update(_TABLE).where(_TABLE.id == user_id).values(**values, updated_at=now)
    return await _one(tx, statement.returning(*COLUMNS))


async def change_status(
    tx: Transaction, user_id: UUID, *, now: datetime, status: UserStatus, only_from: UserStatus | None = None
) -> User | None:
    """Set a user's status where it differs, or where it is the one given; None when nothing changed."""
    condition = _TABLE.status != status.value if only_from is None else _TABLE.status == only_from.value
    statement = update(_TABLE).where(_TABLE.id == user_id, condition).values(status=status.value, updated_at=now)
    return await _one(tx, statement.returning(*COLUMNS))


async def verify_email(tx: Transaction, user_id: UUID, *, now: datetime) -> User | None:
    """Note that the address is the user's where that is not known yet; None when nothing changed."""
    statement = (
        update(_TABLE)
        .where(_TABLE.id == user_id, _TABLE.email_verified_at.is_(None))
        .values(email_verified_at=now, updated_at=now)
    )
    return await _one(tx, statement.returning(*COLUMNS))


async def change_attribute(
    tx: Transaction, user_id: UUID, *, now: datetime, name: str, value: object | None
) -> User | None:
    """Set one attribute, or remove it when None, whatever another transaction does to the others."""
    attributes: ColumnElement[Any] = (
        _TABLE.attributes.op("-")(name) if value is None else _TABLE.attributes.op("||")(literal({name: value}, JSONB))
    )
    return await change(tx, user_id, now=now, values={"attributes": attributes})


async def count_change_of_credentials(tx: Transaction, user_id: UUID, *, now: datetime) -> User | None:
    """Raise the version of a user's credentials by one."""
    return await change(tx, user_id, now=now, values={"credentials_version": _TABLE.credentials_version + 1})


async def remove(tx: Transaction, user_id: UUID) -> User | None:
    """Delete a user's row and return what stood in it."""
    return await _one(tx, delete(_TABLE).where(_TABLE.id == user_id).returning(*COLUMNS))


async def _one(tx: Transaction, statement: Executable) -> User | None:
    row = (await tx.execute(statement)).mappings().first()
    return None if row is None else as_user(dict(row))
