"""`/admin/roles`: named sets of permissions."""

import json
from typing import Annotated, Self

from fastapi import Path, Response
from pydantic import BaseModel, Field, model_validator

from app.admin.acting import actor_of, authority_of
from app.admin.guard import requires
from app.admin.routing import AdminRouter
from app.foundation.body import Body
from app.foundation.caller import RequestOrigin
from app.foundation.db import Database
from app.foundation.etags import IfMatch, etag_of, show_etag
from app.foundation.pagination import Cursors, Paging
from app.foundation.principal import Principal
from app.foundation.provide import provide
from app.protocols.assurance import ACR
from app.roles.define import RoleRegistration
from app.roles.rules import ADMIN, ListedRole

router = AdminRouter("roles")

Registration = Annotated[RoleRegistration, provide(RoleRegistration)]
Store = Annotated[Database, provide(Database)]
Reader = Annotated[Principal, requires("admin:roles:read")]
Writer = Annotated[Principal, requires("admin:roles:write")]
Deleter = Annotated[Principal, requires("admin:roles:write", fresh=True)]
Name = Annotated[str, Path(max_length=64, description="The role's name")]
Token = Annotated[str, Field(max_length=128)]
Permissions = dict[Token, list[Token]]


class RoleBody(BaseModel):
    """A role. `permissions` has them by audience, of which `self` is this service; `required_acr` is what it asks."""

    name: str
    permissions: dict[str, list[str]]
    required_acr: str | None
    built_in: bool

    @classmethod
    def of(cls, role: ListedRole) -> "RoleBody":
        """The role as it is shown."""
        return cls(
            name=role.name,
            permissions=role.permissions,
            required_acr=role.required_acr,
            built_in=role.name == ADMIN,
        )


class RolePage(BaseModel):
    """Some roles, by name."""

    items: list[RoleBody]
    next: str | None


class NewRole(Body):
    """A role that there is to be, and what it permits, by audience."""

    name: str = Field(max_length=64, examples=["support"])
    permissions: Permissions = Field(default={}, examples=[{"orders-api": ["orders:write"]}])
    required_acr: ACR | None = Field(default=None, strict=False)


class RoleChange(Body):
    """What changes of a role: `permissions` are all it is to have; without `required_acr` it asks for nothing."""

    permissions: Permissions = Field(default={}, examples=[{"orders-api": ["orders:write"]}])
    required_acr: ACR | None = Field(default=None, strict=False)

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("Name what shall change: `permissions`, `required_acr`, or both.")
        return self


@router.get("", summary="The roles")
async def list_roles(
    registration: Registration,
    db: Store,
    caller: Reader,
    paging: Paging,
    cursors: Annotated[Cursors, provide(Cursors)],
) -> RolePage:
    """Every role, by name."""
    bound_to = ("roles", caller.sub)
    position = cursors.position(paging, bound_to=bound_to)
    async with db.transaction() as tx:
        roles = await registration.list_all(tx, after=None if position is None else position[0], limit=paging.limit + 1)
    page = cursors.page(roles, paging, position_of=lambda role: (role.name,), bound_to=bound_to)
    return RolePage(items=[RoleBody.of(role) for role in page.items], next=page.next)


@router.post("", summary="Make a role", status_code=201)
async def create_role(
    *, body: NewRole, registration: Registration, db: Store, caller: Writer, origin: RequestOrigin, response: Response
) -> RoleBody:
    """Nobody holds it yet. What it permits at this service itself you must hold yourself."""
    actor, authority = actor_of(caller), authority_of(caller)
    async with db.transaction() as tx:
        await registration.create(tx, body.name, actor=actor, origin=origin)
        if body.permissions:
            await registration.set_permissions(
                tx, body.name, body.permissions, actor=actor, origin=origin, authority=authority
            )
        if body.required_acr is not None:
            await registration.require_acr(tx, body.name, body.required_acr, actor=actor, origin=origin)
        role = await registration.get(tx, body.name)
    return _shown(role, response)


@router.get("/{name}", summary="One role")
async def get_role(name: Name, registration: Registration, db: Store, _: Reader, response: Response) -> RoleBody:
    """One role with all that it permits."""
    async with db.transaction() as tx:
        return _shown(await registration.get(tx, name), response)


@router.patch("/{name}", summary="Change a role")
async def change_role(
    *,
    name: Name,
    body: RoleChange,
    registration: Registration,
    db: Store,
    caller: Writer,
    origin: RequestOrigin,
    precondition: IfMatch,
    response: Response,
) -> RoleBody:
    """Whoever holds the role gains with their next token, and loses at once, in the tokens that are out too."""
    actor, authority = actor_of(caller), authority_of(caller)
    async with db.transaction() as tx:
        precondition.require(_etag(await registration.hold(tx, name)))
        if "permissions" in body.model_fields_set:
            await registration.set_permissions(
                tx, name, body.permissions, actor=actor, origin=origin, authority=authority
            )
        if "required_acr" in body.model_fields_set:
            await registration.require_acr(tx, name, body.required_acr, actor=actor, origin=origin)
        role = await registration.get(tx, name)
    return _shown(role, response)


@router.delete("/{name}", summary="Delete a role", status_code=204)
async def delete_role(
    *,
    name: Name,
    registration: Registration,
    db: Store,
    caller: Deleter,
    origin: RequestOrigin,
    precondition: IfMatch,
) -> None:
    """Everybody who holds it loses it at once. The role `admin` stays."""
    async with db.transaction() as tx:
        precondition.require(_etag(await registration.hold(tx, name)))
        await registration.delete(tx, name, actor=actor_of(caller), origin=origin, authority=authority_of(caller))


def _shown(role: ListedRole, response: Response) -> RoleBody:
    show_etag(response, _etag(role))
    return RoleBody.of(role)


def _etag(role: ListedRole) -> str:
    return etag_of("role", role.name, json.dumps(role.permissions, sort_keys=True), role.required_acr)
