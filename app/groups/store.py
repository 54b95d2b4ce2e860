"""Statements on the tables of groups."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from app.foundation.db import Transaction
from app.groups import models
from app.groups.models import GroupMember
from app.groups.rules import Group, Member
from app.users.models import User

_TABLE = models.Group


async def add(tx: Transaction, group: Group) -> bool:
    """Write a new group; False where the name is taken."""
    values = {
        "id": group.id,
        "name": group.name,
        "description": group.description,
        "created_at": group.created_at,
        "updated_at": group.updated_at,
    }
    statement = insert(_TABLE).values(values).on_conflict_do_nothing().returning(_TABLE.id)
    return (await tx.execute(statement)).first() is not None


async def find(tx: Transaction, group_id: UUID) -> Group | None:
    """The group of this row id, which stays until the transaction ends."""
    statement = select(_TABLE.__table__).where(_TABLE.id == group_id).with_for_update(key_share=True)
    return _group((await tx.execute(statement)).first())


async def find_by_name(tx: Transaction, name: str) -> Group | None:
    """The group of this name."""
    return _group((await tx.execute(select(_TABLE.__table__).where(_TABLE.name == name))).first())


async def list_after(tx: Transaction, *, after: UUID | None, limit: int) -> list[Group]:
    """Groups in the order in which they were made."""
    statement = select(_TABLE.__table__).order_by(_TABLE.id).limit(limit)
    if after is not None:
        statement = statement.where(_TABLE.id > after)
    return [_as_group(row) for row in await tx.execute(statement)]


async def change(tx: Transaction, group_id: UUID, *, name: str, description: str | None, now: datetime) -> None:
    """Write another name and description."""
    statement = update(_TABLE).where(_TABLE.id == group_id)
    await tx.execute(statement.values(name=name, description=description, updated_at=now))


async def remove(tx: Transaction, group_id: UUID) -> None:
    """Delete a group with its memberships."""
    await tx.execute(delete(_TABLE).where(_TABLE.id == group_id))


async def lock_user(tx: Transaction, sub: str) -> UUID | None:
    """The row id of a user, who cannot be deleted until this transaction ends."""
    if not (sub.isascii() and sub.isprintable()):
        return None
    return await tx.scalar(select(User.id).where(User.sub == sub).with_for_update(key_share=True))


async def count_of(tx: Transaction, user_id: UUID) -> int:
    """In how many groups a user is."""
    statement = select(func.count()).select_from(GroupMember).where(GroupMember.user_id == user_id)
    return await tx.scalar(statement) or 0


async def count_members(tx: Transaction, group_id: UUID) -> int:
    """How many users are in a group."""
    statement = select(func.count()).select_from(GroupMember).where(GroupMember.group_id == group_id)
    return await tx.scalar(statement) or 0


async def add_member(tx: Transaction, group_id: UUID, user_id: UUID, now: datetime) -> bool:
    """Put a user into a group; False where they are in it."""
    values = {"group_id": group_id, "user_id": user_id, "created_at": now}
    statement = insert(GroupMember).values(values).on_conflict_do_nothing().returning(GroupMember.user_id)
    return (await tx.execute(statement)).first() is not None


async def remove_member(tx: Transaction, group_id: UUID, user_id: UUID) -> bool:
    """Take a user out of a group; False where they are not in it."""
    statement = delete(GroupMember).where(GroupMember.group_id == group_id, GroupMember.user_id == user_id)
    return (await tx.execute(statement.returning(GroupMember.user_id))).first() is not None


async def remove_everywhere(tx: Transaction, user_id: UUID) -> None:
    """Take a user out of every group."""
    await tx.execute(delete(GroupMember).where(GroupMember.user_id == user_id))


async def list_members(tx: Transaction, group_id: UUID, *, after: UUID | None, limit: int) -> list[Member]:
    """Members in the order in which their accounts were made."""
    statement = (
        select(User.id, User.sub, User.email, GroupMember.created_at)
        .join(User, User.id == GroupMember.user_id)
        .where(GroupMember.group_id == group_id)
        .order_by(GroupMember.user_id)
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(GroupMember.user_id > after)
    return [
        Member(user_id=row.id, sub=row.sub, email=row.email, added_at=row.created_at)
        for row in await tx.execute(statement)
    ]


async def list_of(tx: Transaction, user_id: UUID) -> list[Group]:
    """The groups of a user, by name."""
    statement = (
        select(_TABLE.__table__)
        .join(GroupMember, GroupMember.group_id == _TABLE.id)
        .where(GroupMember.user_id == user_id)
        .order_by(_TABLE.name)
    )
    return [_as_group(row) for row in await tx.execute(statement)]


def members(group_id: UUID) -> Select[UUID]:
    """The statement that names everybody in a group."""
    return select(GroupMember.user_id).where(GroupMember.group_id == group_id)


def _group(row: Row[Any] | None) -> Group | None:
    return None if row is None else _as_group(row)


def _as_group(row: Row[Any]) -> Group:
    return Group(
        id=row.id, name=row.name, description=row.description, created_at=row.created_at, updated_at=row.updated_at
    )
