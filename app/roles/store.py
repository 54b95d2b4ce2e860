"""Statements on the tables of roles."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, Uuid, column, delete, func, or_, select, table, text, update
from sqlalchemy.dialects.postgresql import insert

from app.audiences.own import SELF
from app.foundation.db import Transaction
from app.roles.errors import RoleNotFound
from app.roles.holding import HELD, HOLDINGS
from app.roles.models import GroupRole, Role, RoleAssignment, RolePermission
from app.roles.rules import AssignedRole, Held, ListedRole, is_role_name
from app.users.models import User

# Every role as one JSON text, in one order, so that an unchanged registry is an equal text.
REGISTRY = """
SELECT json_build_object(
  'version', (SELECT coalesce(max(version), 0) FROM role_registry),
  'roles', coalesce(json_agg(json_build_object(
    'id', r.id, 'name', r.name, 'required_acr', r.required_acr,
    'permissions', (SELECT coalesce(json_object_agg(p.audience, p.permissions ORDER BY p.audience), '{}')
                    FROM (SELECT audience, array_agg(permission ORDER BY permission) AS permissions
                          FROM role_permissions WHERE role_id = r.id GROUP BY audience) p)
  ) ORDER BY r.name), '[]'))::text
FROM roles r
"""


# The groups' feature's, which stands above this one; see `roles.holding`.
_MEMBERS = table("group_members", column("user_id", Uuid()), column("group_id", Uuid()))

_HELD = text(f"SELECT {HELD.format(user_id=':user_id')}")

_REQUIREMENTS = text(
    f"""
    SELECT r.required_acr FROM {HOLDINGS} h JOIN roles r ON r.id = h.role_id
    WHERE h.user_id = :user_id AND r.required_acr IS NOT NULL
    """  # noqa: S608 — built from constants; the value is a parameter
)

_NEXT_VERSION = text(
    """
    INSERT INTO role_registry AS r (id, version) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET version = r.version + 1
    """
)


async def note_change(tx: Transaction) -> None:
    """Make every reading of the roles older than this transaction, once it has committed. Changes take turns here."""
    await tx.execute(_NEXT_VERSION)


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


async def pairs(tx: Transaction, role_id: UUID) -> set[tuple[str, str]]:
    """Everything that a role holds: audience and permission."""
    statement = select(RolePermission.audience, RolePermission.permission).where(RolePermission.role_id == role_id)
    return {(row.audience, row.permission) for row in await tx.execute(statement)}


async def own_permissions(tx: Transaction, role_id: UUID, *, limit: str | None) -> Sequence[str]:
    """What a role that is held everywhere, or at one audience, amounts to at this service itself."""
    return await permissions(tx, role_id, SELF) if limit in {None, SELF} else ()


def holders(role_id: UUID) -> Select[UUID]:
    """The statement that names everybody who holds a role, by themselves or by a group."""
    by_group = select(_MEMBERS.c.user_id).join(GroupRole, GroupRole.group_id == _MEMBERS.c.group_id)
    own = select(RoleAssignment.user_id).where(RoleAssignment.role_id == role_id)
    both = own.union(by_group.where(GroupRole.role_id == role_id)).subquery()
    return select(both.c.user_id)


def members(group_id: UUID) -> Select[UUID]:
    """The statement that names everybody in a group."""
    return select(_MEMBERS.c.user_id).where(_MEMBERS.c.group_id == group_id)


async def add(tx: Transaction, role_id: UUID, name: str, now: datetime) -> bool:
    """Write a new role; False where the name is taken."""
    statement = insert(Role).values(id=role_id, name=name, created_at=now).on_conflict_do_nothing()
    return (await tx.execute(statement.returning(Role.id))).first() is not None


async def add_permission(tx: Transaction, role_id: UUID, audience: str, permission: str) -> bool:
    """Give a role a permission; False where it has it."""
    values = {"role_id": role_id, "audience": audience, "permission": permission}
    statement = insert(RolePermission).values(values).on_conflict_do_nothing().returning(RolePermission.role_id)
    return (await tx.execute(statement)).first() is not None


async def names(tx: Transaction, *, after: str | None, limit: int | None) -> Sequence[str]:
    """The names of roles in their order, after one of them, at most so many."""
    statement = select(Role.name).order_by(Role.name).limit(limit)
    return (await tx.scalars(statement if after is None else statement.where(Role.name > after))).all()


async def list_all(tx: Transaction, wanted: Collection[str]) -> list[ListedRole]:
    """The roles of these names, in the order of their names."""
    statement = (
        select(Role.name, Role.required_acr, RolePermission.audience, RolePermission.permission)
        .outerjoin(RolePermission, RolePermission.role_id == Role.id)
        .where(Role.name.in_(wanted))
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


async def held(tx: Transaction, user_id: UUID) -> Held:
    """What a user holds, as the statements that issue tokens say it."""
    row = (await tx.execute(_HELD, {"user_id": user_id})).one()
    return Held.parse(row.held)


async def requirements_of(tx: Transaction, user_id: UUID) -> set[str]:
    """The `acr` that the roles of a user and of their groups ask for."""
    return {row.required_acr for row in await tx.execute(_REQUIREMENTS, {"user_id": user_id})}


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


async def assign_to_group(
    tx: Transaction, assignment_id: UUID, *, group_id: UUID, role_id: UUID, audience: str | None, now: datetime
) -> bool:
    """Give a group a role; False where it holds it so already."""
    values = {"id": assignment_id, "group_id": group_id, "role_id": role_id, "audience": audience, "created_at": now}
    statement = insert(GroupRole).values(values).on_conflict_do_nothing().returning(GroupRole.id)
    return (await tx.execute(statement)).first() is not None


async def remove_from_group(tx: Transaction, *, group_id: UUID, role_id: UUID, audience: str | None) -> bool:
    """Take a role from a group; False where it holds it not so."""
    statement = delete(GroupRole).where(
        GroupRole.group_id == group_id,
        GroupRole.role_id == role_id,
        GroupRole.audience.is_not_distinct_from(audience),
    )
    return (await tx.execute(statement.returning(GroupRole.id))).first() is not None


async def remove_all_of_group(tx: Transaction, group_id: UUID) -> None:
    """Take every role from a group."""
    await tx.execute(delete(GroupRole).where(GroupRole.group_id == group_id))


async def list_of_group(tx: Transaction, group_id: UUID) -> list[AssignedRole]:
    """The roles of a group by name."""
    statement = (
        select(Role.name, GroupRole.audience)
        .join(GroupRole, GroupRole.role_id == Role.id)
        .where(GroupRole.group_id == group_id)
        .order_by(Role.name, func.coalesce(GroupRole.audience, ""))
    )
    return [AssignedRole(row.name, row.audience) for row in await tx.execute(statement)]


async def own_permissions_of_group(tx: Transaction, group_id: UUID) -> Sequence[str]:
    """What a group's roles amount to at this service itself."""
    statement = (
        select(RolePermission.permission)
        .distinct()
        .join(GroupRole, GroupRole.role_id == RolePermission.role_id)
        .where(
            GroupRole.group_id == group_id,
            RolePermission.audience == SELF,
            or_(GroupRole.audience.is_(None), GroupRole.audience == SELF),
        )
    )
    return (await tx.scalars(statement)).all()


async def delete_role(tx: Transaction, role_id: UUID) -> None:
    """Delete a role; its permissions and assignments go with it."""
    await tx.execute(delete(Role).where(Role.id == role_id))


async def replace_permissions(tx: Transaction, role_id: UUID, wanted: Collection[tuple[str, str]]) -> None:
    """Make pairs of audience and permission all that a role holds."""
    await tx.execute(delete(RolePermission).where(RolePermission.role_id == role_id))
    rows = [{"role_id": role_id, "audience": audience, "permission": item} for audience, item in sorted(wanted)]
    if rows:
        await tx.execute(insert(RolePermission), rows)
