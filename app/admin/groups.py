"""`/admin/groups`: groups, their members, and the roles that these hold with them."""

from typing import Annotated, Self
from uuid import UUID

from fastapi import Path, Query, Response
from pydantic import BaseModel, Field, model_validator

from app.admin.acting import by_of
from app.admin.guard import requires
from app.admin.routing import AdminRouter
from app.foundation.body import Body
from app.foundation.caller import RequestOrigin
from app.foundation.clock import rfc3339
from app.foundation.db import Database
from app.foundation.etags import IfMatch, etag_of, show_etag
from app.foundation.pagination import Cursors, Paging
from app.foundation.principal import Principal
from app.foundation.provide import provide
from app.groups.rules import Group, Member
from app.groups.service import Groups

router = AdminRouter("groups")

Registry = Annotated[Groups, provide(Groups)]
Store = Annotated[Database, provide(Database)]
Pages = Annotated[Cursors, provide(Cursors)]
Reader = Annotated[Principal, requires("admin:groups:read")]
Writer = Annotated[Principal, requires("admin:groups:write")]
Deleter = Annotated[Principal, requires("admin:groups:write", fresh=True)]
RoleName = Annotated[str, Path(max_length=64, description="The role's name")]
Subject = Annotated[str, Path(max_length=255, description="The user's `sub`")]
Limit = Annotated[str | None, Query(max_length=128, description="As it was given: at this audience, or everywhere")]


class GroupBody(BaseModel):
    """A group."""

    id: UUID
    name: str
    description: str | None
    created_at: str
    updated_at: str

    @classmethod
    def of(cls, group: Group) -> "GroupBody":
        """The group as it is shown."""
        return cls(
            id=group.id,
            name=group.name,
            description=group.description,
            created_at=rfc3339(group.created_at),
            updated_at=rfc3339(group.updated_at),
        )


class GroupPage(BaseModel):
    """Some groups, oldest first."""

    items: list[GroupBody]
    next: str | None


class NewGroup(Body):
    """A group that there is to be."""

    name: str = Field(max_length=128, examples=["Helpdesk"])
    description: str | None = Field(default=None, max_length=500)


class GroupChange(Body):
    """What changes of a group; a description of null takes it away."""

    name: str = Field(default_factory=str, max_length=128)
    description: str | None = Field(default=None, max_length=500)

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("Name what shall change: `name`, `description`, or both.")
        return self


class MemberBody(BaseModel):
    """A user in a group."""

    sub: str
    email: str
    added_at: str

    @classmethod
    def of(cls, member: Member) -> "MemberBody":
        """The member as they are shown."""
        return cls(sub=member.sub, email=member.email, added_at=rfc3339(member.added_at))


class MemberPage(BaseModel):
    """Some members, whose accounts are oldest first."""

    items: list[MemberBody]
    next: str | None


class NewMember(Body):
    """Who is to be in the group."""

    sub: str = Field(max_length=255)


class HeldRoleBody(BaseModel):
    """A role at one audience, or everywhere where `audience` is null."""

    role: str
    audience: str | None


class HeldRoles(BaseModel):
    """The roles of a group, by name."""

    items: list[HeldRoleBody]


class GivenRole(Body):
    """A role that every member is to hold: at one audience, or everywhere."""

    role: str = Field(max_length=64, examples=["support"])
    audience: str | None = Field(default=None, max_length=128)


@router.get("", summary="The groups")
async def list_groups(groups: Registry, db: Store, caller: Reader, paging: Paging, cursors: Pages) -> GroupPage:
    """Every group, in the order in which they were made."""
    bound_to = ("groups", caller.sub)
    position = cursors.position(paging, bound_to=bound_to)
    async with db.transaction() as tx:
        rows = await groups.list_all(tx, after=None if position is None else UUID(position[0]), limit=paging.limit + 1)
    page = cursors.page(rows, paging, position_of=lambda row: (str(row.id),), bound_to=bound_to)
    return GroupPage(items=[GroupBody.of(row) for row in page.items], next=page.next)


@router.post("", summary="Make a group", status_code=201)
async def create_group(
    *, body: NewGroup, groups: Registry, db: Store, caller: Writer, origin: RequestOrigin, response: Response
) -> GroupBody:
    """It has no members and no roles yet."""
    async with db.transaction() as tx:
        group = await groups.create(tx, body.name, description=body.description, by=by_of(caller, origin))
    return _shown(group, response)


@router.get("/{group_id}", summary="One group")
async def get_group(group_id: UUID, groups: Registry, db: Store, _: Reader, response: Response) -> GroupBody:
    """One group; its members and roles have lists of their own."""
    async with db.transaction() as tx:
        return _shown(await groups.get(tx, group_id), response)


@router.patch("/{group_id}", summary="Change a group")
async def change_group(
    *,
    group_id: UUID,
    body: GroupChange,
    groups: Registry,
    db: Store,
    caller: Writer,
    origin: RequestOrigin,
    precondition: IfMatch,
    response: Response,
) -> GroupBody:
    """Another name counts at once: tokens that show the old one are refused, and their sessions go on."""
    named = body.model_fields_set
    async with db.transaction() as tx:
        present = await groups.hold(tx, group_id)
        precondition.require(_etag(present))
        group = await groups.update(
            tx,
            group_id,
            name=body.name if "name" in named else present.name,
            description=body.description if "description" in named else present.description,
            by=by_of(caller, origin),
        )
    return _shown(group, response)


@router.delete("/{group_id}", summary="Delete a group", status_code=204)
async def delete_group(
    *, group_id: UUID, groups: Registry, db: Store, caller: Deleter, origin: RequestOrigin, precondition: IfMatch
) -> None:
    """Its members lose at once what they held by it."""
    async with db.transaction() as tx:
        precondition.require(_etag(await groups.hold(tx, group_id)))
        await groups.delete(tx, group_id, by=by_of(caller, origin))


@router.get("/{group_id}/members", summary="Who is in a group")
async def list_members(
    *, group_id: UUID, groups: Registry, db: Store, caller: Reader, paging: Paging, cursors: Pages
) -> MemberPage:
    """Every member, in the order in which their accounts were made."""
    bound_to = ("group-members", str(group_id), caller.sub)
    position = cursors.position(paging, bound_to=bound_to)
    async with db.transaction() as tx:
        await groups.get(tx, group_id)
        rows = await groups.list_members(
            tx, group_id, after=None if position is None else UUID(position[0]), limit=paging.limit + 1
        )
    page = cursors.page(rows, paging, position_of=lambda row: (str(row.user_id),), bound_to=bound_to)
    return MemberPage(items=[MemberBody.of(row) for row in page.items], next=page.next)


@router.post("/{group_id}/members", summary="Put a user into a group", status_code=204)
async def add_member(
    *, group_id: UUID, body: NewMember, groups: Registry, db: Store, caller: Writer, origin: RequestOrigin
) -> None:
    """They hold its roles with their next token. What those permit at this service you must hold yourself."""
    async with db.transaction() as tx:
        await groups.add_member(tx, group_id, body.sub, by=by_of(caller, origin))


@router.delete("/{group_id}/members/{sub}", summary="Take a user out of a group", status_code=204)
async def remove_member(
    *, group_id: UUID, sub: Subject, groups: Registry, db: Store, caller: Writer, origin: RequestOrigin
) -> None:
    """They lose at once what only this group gave them. Idempotent."""
    async with db.transaction() as tx:
        await groups.remove_member(tx, group_id, sub, by=by_of(caller, origin))


@router.get("/{group_id}/roles", summary="The roles of a group")
async def list_group_roles(group_id: UUID, groups: Registry, db: Store, _: Reader) -> HeldRoles:
    """What every member holds with the group."""
    async with db.transaction() as tx:
        await groups.get(tx, group_id)
        held = await groups.roles_of(tx, group_id)
    return HeldRoles(items=[HeldRoleBody(role=item.role, audience=item.audience) for item in held])


@router.post("/{group_id}/roles", summary="Give a group a role", status_code=204)
async def assign_group_role(
    *, group_id: UUID, body: GivenRole, groups: Registry, db: Store, caller: Writer, origin: RequestOrigin
) -> None:
    """Every member holds it with their next token. What it permits at this service you must hold yourself."""
    async with db.transaction() as tx:
        await groups.assign_role(tx, group_id, role=body.role, audience=body.audience, by=by_of(caller, origin))


@router.delete("/{group_id}/roles/{role}", summary="Take a role from a group", status_code=204)
async def remove_group_role(
    *,
    group_id: UUID,
    role: RoleName,
    groups: Registry,
    db: Store,
    caller: Writer,
    origin: RequestOrigin,
    audience: Limit = None,
) -> None:
    """Every member who holds it by nothing else loses it at once. Idempotent."""
    async with db.transaction() as tx:
        await groups.remove_role(tx, group_id, role=role, audience=audience, by=by_of(caller, origin))


def _shown(group: Group, response: Response) -> GroupBody:
    show_etag(response, _etag(group))
    return GroupBody.of(group)


def _etag(group: Group) -> str:
    return etag_of("group", group.id, group.name, group.description, group.updated_at)
