"""Statements on the tables of roles."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, exists, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.elements import ColumnElement

from app.audiences.own import SELF
from app.foundation.db import Transaction
from app.roles.errors import RoleNotFound
from app.roles.models import Role, RoleAssignment, RolePermission
from app.roles.rules import AssignedRole, ListedRole, is_role_name
from app.users.models import User

# Every role as one JSON text, in one order, so that an unchanged registry is an equal text.
REGISTRY = """
SELECT coalesce(json_agg(json_build_object(
    'id', r.id, 'name', r.name, 'required_acr', r.required_acr,
    'permissions', (SELECT coalesce(json_object_agg(p.audience, p.permissions ORDER BY p.audience), '{}')
                    FROM (SELECT audience, array_agg(permission ORDER BY permission) AS permissions
                          FROM role_permissions WHERE role_id = r.id GROUP BY audience) p)
  ) ORDER BY r.name), '[]')::text
FROM roles r
"""


async def get_id(tx: Transaction, name: str) -> UUID:
    """The row id of the role of that name. Raises RoleNotFound."""
    if not is_role_name(name):
        raise RoleNotFound("There is no role of that name.")
    role_id = await tx.scalar(select(Role.id).where(Role.name == name))
    if role_id is None:
        raise RoleNotFound(f"There is no role {name}.")
    return role_id


async def permissions(tx: Transaction, role_id: UUID, audience: str) -> Sequence[str]:
    """What a role holds at an audience."""
    statement = select(RolePermission.permission).where(
        RolePermission.role_id == role_id, RolePermission.audience == audience
    )
    return (await tx.scalars(statement)).all()


async def add(tx: Transaction, role_id: UUID, name: str, now: datetime) -> bool:
    """Write a new role; False where the name is taken."""
    statement = insert(Role).values(id=role_id, name=name, created_at=now).on_conflict_do_nothing()
    return (await tx.execute(statement.returning(Role.id))).first() is not None


async def add_permission(tx: Transaction, role_id: UUID, audience: str, permission: str) -> bool:
    """Give a role a permission; False where it has it."""
    values = {"role_id": role_id, "audience": audience, "permission": permission}
    statement = insert(RolePermission).values(values).on_conflict_do_nothing().returning(RolePermission.role_id)
    return (await tx.execute(statement)).first() is not None


async def remove_permission(tx: Transaction, role_id: UUID, audience: str, permission: str) -> bool:
    """Take a permission from a role; False where it has it not."""
    statement = delete(RolePermission).where(
        RolePermission.role_id == role_id, RolePermission.audience == audience, RolePermission.permission == permission
    )
    return (await tx.execute(statement.returning(RolePermission.role_id))).first() is not None


async def list_all(tx: Transaction) -> list[ListedRole]:
    """Every role, by name."""
    statement = (
        select(Role.name, Role.required_acr, RolePermission.audience, RolePermission.permission)
        .outerjoin(RolePermission, RolePermission.role_id == Role.id)
        .order_by(Role.name, RolePermission.audience, RolePermission.permission)
    )
    listed: dict[str, ListedRole] = {}
    for row in await tx.execute(statement):
        role = listed.setdefault(row.name, ListedRole(row.name, {}, row.required_acr))
        if row.audience is not None:
            role.permissions.setdefault(row.audience, []).append(row.permission)
    return list(listed.values())


async def lock_user(tx: Transaction, user_id: UUID) -> str | None:
    """The subject of a user, who cannot be deleted until this transaction ends."""
    return await tx.scalar(select(User.sub).where(User.id == user_id).with_for_update(key_share=True, read=True))


async def assign(
    tx: Transaction, assignment_id: UUID, *, user_id: UUID, role_id: UUID, audience: str | None, now: datetime
) -> bool:
    """Give a user a role; False where they hold it so already."""
    values = {"id": assignment_id, "user_id": user_id, "role_id": role_id, "audience": audience, "created_at": now}
    statement = insert(RoleAssignment).values(values).on_conflict_do_nothing().returning(RoleAssignment.id)
    return (await tx.execute(statement)).first() is not None


async def remove(tx: Transaction, *, user_id: UUID, role_id: UUID, audience: str | None) -> bool:
    """Take a role from a user; False where they hold it not so."""
    statement = delete(RoleAssignment).where(
        RoleAssignment.user_id == user_id,
        RoleAssignment.role_id == role_id,
        RoleAssignment.audience.is_not_distinct_from(audience),
    )
    return (await tx.execute(statement.returning(RoleAssignment.id))).first() is not None


async def remove_all(tx: Transaction, user_id: UUID) -> None:
    """Take every role from a user."""
    await tx.execute(delete(RoleAssignment).where(RoleAssignment.user_id == user_id))


async def assignments(tx: Transaction, user_id: UUID) -> list[tuple[UUID, str | None]]:
    """The roles of a user by row id, each with the audience it is limited to."""
    statement = select(RoleAssignment.role_id, RoleAssignment.audience).where(RoleAssignment.user_id == user_id)
    return [(row.role_id, row.audience) for row in await tx.execute(statement)]


async def requirements_of(tx: Transaction, user_id: UUID) -> set[str]:
    """The `acr` that the roles of a user ask for."""
    statement = (
        select(Role.required_acr)
        .join(RoleAssignment, RoleAssignment.role_id == Role.id)
        .where(RoleAssignment.user_id == user_id, Role.required_acr.is_not(None))
    )
    return {acr for acr in await tx.scalars(statement) if acr is not None}


async def set_required_acr(tx: Transaction, role_id: UUID, acr: str | None) -> None:
    """Say how well the holders of a role must prove who they are."""
    await tx.execute(update(Role).where(Role.id == role_id).values(required_acr=acr))


async def list_assigned(tx: Transaction, user_id: UUID) -> list[AssignedRole]:
    """The roles of a user by name."""
    statement = (
        select(Role.name, RoleAssignment.audience)
        .join(RoleAssignment, RoleAssignment.role_id == Role.id)
        .where(RoleAssignment.user_id == user_id)
        .order_by(Role.name, func.coalesce(RoleAssignment.audience, ""))
    )
    return [AssignedRole(row.name, row.audience) for row in await tx.execute(statement)]


async def lock_administrators(tx: Transaction) -> None:
    """Let changes that could take the last administrator away take turns."""
    await tx.execute(text("SELECT pg_advisory_xact_lock(hashtext('administrators'))"))


async def is_active_administrator(tx: Transaction, admin: str, user_id: UUID) -> bool:
    """Whether this user can sign in and holds the role at this service itself."""
    return await _has_administrator(tx, admin, User.id == user_id)


async def has_other_administrator(tx: Transaction, admin: str, user_id: UUID) -> bool:
    """Whether anyone but this user can sign in and holds the role at this service itself."""
    return await _has_administrator(tx, admin, User.id != user_id)


async def _has_administrator(tx: Transaction, admin: str, who: ColumnElement[bool]) -> bool:
    holds = exists().where(
        RoleAssignment.user_id == User.id,
        RoleAssignment.role_id == Role.id,
        Role.name == admin,
        or_(RoleAssignment.audience.is_(None), RoleAssignment.audience == SELF),
    )
    found = await tx.scalar(select(exists().where(User.status == "active", who, holds)))
    return bool(found)
