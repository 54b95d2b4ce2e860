"""`/admin/permissions`: what there is to be allowed, audience by audience, and which roles allow it."""

from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field

from app.admin.acting import actor_of, authority_of
from app.admin.guard import requires
from app.admin.routing import AdminRouter
from app.audiences.own import OWN_SCOPES, SELF
from app.audiences.service import Audiences
from app.foundation.body import Body
from app.foundation.caller import RequestOrigin
from app.foundation.db import Database, Transaction
from app.foundation.pagination import Cursors, Paging
from app.foundation.principal import Principal
from app.foundation.provide import provide
from app.roles.define import RoleRegistration

router = AdminRouter("permissions")

Registration = Annotated[RoleRegistration, provide(RoleRegistration)]
Registry = Annotated[Audiences, provide(Audiences)]
Store = Annotated[Database, provide(Database)]
Reader = Annotated[Principal, requires("admin:permissions:read")]
Writer = Annotated[Principal, requires("admin:permissions:write")]


class PermissionBody(BaseModel):
    """A permission at an audience, of which `self` is this service: who has it, and what it opens.

    `roles` hold it, and `scopes` of the audience need it.
    """

    audience: str
    permission: str
    roles: list[str]
    scopes: list[str]


class PermissionPage(BaseModel):
    """Some permissions, by audience and name."""

    items: list[PermissionBody]
    next: str | None


class RolePermissionBody(BaseModel):
    """A permission that a role has."""

    role: str
    audience: str
    permission: str


class RolePermission(Body):
    """A permission at an audience, and the role that is to have it."""

    role: str = Field(max_length=64, examples=["support"])
    audience: str = Field(max_length=128, examples=["orders-api"])
    permission: str = Field(max_length=64, examples=["orders:write"])


@router.get("", summary="The permissions")
async def list_permissions(
    *,
    registration: Registration,
    audiences: Registry,
    db: Store,
    caller: Reader,
    paging: Paging,
    cursors: Annotated[Cursors, provide(Cursors)],
    audience: Annotated[str | None, Query(max_length=128, description="At this audience alone")] = None,
) -> PermissionPage:
    """Every permission that a role holds or a scope needs."""
    bound_to = ("permissions", audience or "", caller.sub)
    position = cursors.position(paging, bound_to=bound_to)
    async with db.transaction() as tx:
        found = await _all(tx, registration, audiences)
    wanted = [
        item
        for item in found
        if (audience is None or item.audience == audience)
        and (position is None or (item.audience, item.permission) > (position[0], position[1]))
    ]
    page = cursors.page(
        wanted[: paging.limit + 1],
        paging,
        position_of=lambda item: (item.audience, item.permission),
        bound_to=bound_to,
    )
    return PermissionPage(items=list(page.items), next=page.next)


@router.post("", summary="Give a role a permission", status_code=201)
async def grant_permission(
    body: RolePermission, registration: Registration, db: Store, caller: Writer, origin: RequestOrigin
) -> RolePermissionBody:
    """The next token of whoever holds the role has it. At this service itself you must hold it yourself."""
    async with db.transaction() as tx:
        await registration.grant(
            tx,
            body.role,
            permission=body.permission,
            audience=body.audience,
            actor=actor_of(caller),
            origin=origin,
            authority=authority_of(caller),
        )
    return RolePermissionBody(role=body.role, audience=body.audience, permission=body.permission)


@router.delete("", summary="Take a permission from a role", status_code=204)
async def withdraw_permission(
    *,
    registration: Registration,
    db: Store,
    caller: Writer,
    origin: RequestOrigin,
    role: Annotated[str, Query(max_length=64)],
    audience: Annotated[str, Query(max_length=128)],
    permission: Annotated[str, Query(max_length=64)],
) -> None:
    """Whoever holds the role loses it at once, in the tokens that are out too. Idempotent."""
    async with db.transaction() as tx:
        await registration.withdraw(
            tx,
            role,
            permission=permission,
            audience=audience,
            actor=actor_of(caller),
            origin=origin,
            authority=authority_of(caller),
        )


async def _all(tx: Transaction, registration: RoleRegistration, audiences: Audiences) -> list[PermissionBody]:
    scopes = {SELF: dict(OWN_SCOPES), **{one.name: one.scopes for one in await audiences.list_all(tx)}}
    found: dict[tuple[str, str], PermissionBody] = {}

    def at(audience: str, permission: str) -> PermissionBody:
        empty = PermissionBody(audience=audience, permission=permission, roles=[], scopes=[])
        return found.setdefault((audience, permission), empty)

    for audience, needed in scopes.items():
        for scope, permission in needed.items():
            if permission is not None:
                at(audience, permission).scopes.append(scope)
    for role in await registration.list_all(tx):
        for audience, held in role.permissions.items():
            for permission in held:
                at(audience, permission).roles.append(role.name)
    return [found[key] for key in sorted(found)]
