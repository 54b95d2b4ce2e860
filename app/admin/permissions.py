"""`/admin/permissions`: what there is to be allowed, audience by audience, and which roles allow it."""

from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field

from app.admin.acting import actor_of, authority_of
from app.admin.guard import requires
from app.admin.routing import AdminRouter
from app.foundation.body import Body
from app.foundation.caller import RequestOrigin
from app.foundation.db import Database
from app.foundation.pagination import Cursors, Paging
from app.foundation.principal import Principal
from app.foundation.provide import provide
from app.roles.catalogue import CataloguedPermission, PermissionCatalogue
from app.roles.define import RoleRegistration

router = AdminRouter("permissions")

Registration = Annotated[RoleRegistration, provide(RoleRegistration)]
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

    @classmethod
    def of(cls, item: CataloguedPermission) -> "PermissionBody":
        """The permission as it is shown."""
        return cls(audience=item.audience, permission=item.permission, roles=item.roles, scopes=item.scopes)


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
    catalogue: Annotated[PermissionCatalogue, provide(PermissionCatalogue)],
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
        found = await catalogue.list_all(tx, audience=audience)
    rest = [item for item in found if position is None or (item.audience, item.permission) > position]
    page = cursors.page(
        rest[: paging.limit + 1],
        paging,
        position_of=lambda item: (item.audience, item.permission),
        bound_to=bound_to,
    )
    return PermissionPage(items=[PermissionBody.of(item) for item in page.items], next=page.next)


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
