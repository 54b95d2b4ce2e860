"""Statements on what people may do: who administers this service, and what one user holds altogether."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Select, select, text, update

from app.audiences.own import SELF
from app.foundation.db import Transaction
from app.roles.holding import HOLDINGS
from app.roles.rules import ADMIN_PERMISSIONS
from app.users.models import User

# One statement holds at most so many rows, so that its time stays far below what the pool waits for an answer.
LOCK_BATCH = 5000

# The one permission by which the search begins: who lacks it lacks one of them all.
_FIRST = "admin:roles:write"

# An administrator can sign in and holds every permission at this service itself, by whatever roles.
_ADMINISTRATOR = text(
    f"""
    SELECT EXISTS (
      SELECT 1 FROM {HOLDINGS} f JOIN users u ON u.id = f.user_id AND u.status = 'active'
      WHERE f.role_id IN (SELECT role_id FROM role_permissions WHERE audience = :own AND permission = :first)
        AND (CAST(:but AS uuid) IS NULL OR u.id <> CAST(:but AS uuid))
        AND (CAST(:only AS uuid) IS NULL OR u.id = CAST(:only AS uuid))
        AND :needed <= (
          SELECT count(DISTINCT p.permission) FROM {HOLDINGS} h JOIN role_permissions p ON p.role_id = h.role_id
          WHERE h.user_id = u.id AND p.audience = :own AND (h.audience IS NULL OR h.audience = :own)
            AND p.permission IN (SELECT json_array_elements_text(CAST(:all AS json)))))
    """  # noqa: S608 — built from constants; every value is a parameter
)

_RIGHTS = text(
    f"""
    SELECT r.name, h.audience AS held_at, p.audience, p.permission
    FROM {HOLDINGS} h JOIN roles r ON r.id = h.role_id
      LEFT JOIN role_permissions p ON p.role_id = r.id AND (h.audience IS NULL OR h.audience = p.audience)
    WHERE h.user_id = :user_id
    """  # noqa: S608 — built from constants; the value is a parameter
)


_GROUPS = text("SELECT g.name FROM group_members m JOIN groups g ON g.id = m.group_id WHERE m.user_id = :user_id")


@dataclass(frozen=True, slots=True)
class Rights:
    """Everything that one user holds. `roles` pairs a name with an audience, or None for everywhere.

    The names of their groups are part of it: a service may decide by them, where its tokens carry them.
    """

    roles: frozenset[tuple[str, str | None]] = frozenset()
    permissions: frozenset[tuple[str, str]] = frozenset()
    groups: frozenset[str] = frozenset()

    @property
    def own(self) -> frozenset[str]:
        """The permissions at this service itself."""
        return frozenset(permission for audience, permission in self.permissions if audience == SELF)

    def within(self, other: "Rights") -> bool:
        """Whether somebody who holds `other` holds all of this. A role held everywhere is held at each audience."""
        roles = all((name, audience) in other.roles or (name, None) in other.roles for name, audience in self.roles)
        return roles and self.permissions <= other.permissions and self.groups <= other.groups


async def take_turn(tx: Transaction) -> None:
    """Let changes of rights that are compared with what was before come one after another."""
    await tx.execute(text("SELECT pg_advisory_xact_lock(hashtext('administrators'))"))


async def has_administrator(tx: Transaction, *, but: UUID | None = None, only: UUID | None = None) -> bool:
    """Whether anyone may administer all of this service: `but` this user, or `only` this one."""
    values: Mapping[str, object] = {
        "own": SELF,
        "first": _FIRST,
        "but": but,
        "only": only,
        "needed": len(ADMIN_PERMISSIONS),
        "all": _ALL,
    }
    return bool(await tx.scalar(_ADMINISTRATOR, dict(values)))


async def rights_of(tx: Transaction, user_id: UUID) -> Rights:
    """What a user holds, by their own roles and their groups'."""
    rows = (await tx.execute(_RIGHTS, {"user_id": user_id})).all()
    groups = (await tx.scalars(_GROUPS, {"user_id": user_id})).all()
    return Rights(
        roles=frozenset((row.name, row.held_at) for row in rows),
        permissions=frozenset((row.audience, row.permission) for row in rows if row.permission is not None),
        groups=frozenset(groups),
    )


async def hold_users(tx: Transaction, who: Select[UUID]) -> list[UUID]:
    """The users that a statement names, in one order, locked until the transaction ends, for their rights change.

    Whoever signs one of them in waits, or has committed: then the grant is there to be replaced. Who has waited sees by
    `rights_version` that what it read before is out of date.
    """
    held: list[UUID] = []
    while True:
        statement = select(User.id).where(User.id.in_(who)).order_by(User.id).limit(LOCK_BATCH)
        if held:
            statement = statement.where(User.id > held[-1])
        found = (await tx.scalars(statement.with_for_update(key_share=True))).all()
        if found:
            changed = update(User).where(User.id.in_(found)).values(rights_version=User.rights_version + 1)
            await tx.execute(changed)
        held += found
        if len(found) < LOCK_BATCH:
            return held


_ALL = "[" + ",".join(f'"{permission}"' for permission in sorted(ADMIN_PERMISSIONS)) + "]"
