"""`/admin/users`: people, found, made and changed."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Query
from pydantic import AwareDatetime
from starlette.responses import Response

from app.admin.guard import requires
from app.admin.routing import AdminRouter
from app.admin.user_schemas import NewUserBody, UserBody, UserChange, UserPage
from app.foundation.caller import RequestOrigin
from app.foundation.db import Database
from app.foundation.etags import IfMatch, show_etag
from app.foundation.pagination import Cursors, Paging
from app.foundation.principal import Principal
from app.foundation.provide import provide
from app.lifecycle.administration import Changes, ManagedUser, NewAccount, UserAdministration, actor_of
from app.lifecycle.second_factors import SecondFactors
from app.lifecycle.service import UserLifecycle
from app.users.search import Order, UserQuery
from app.users.service import Users
from app.users.user import UserStatus

router = AdminRouter("users")

Administration = Annotated[UserAdministration, provide(UserAdministration)]
Lifecycle = Annotated[UserLifecycle, provide(UserLifecycle)]
Reader = Annotated[Principal, requires("admin:users:read")]
Writer = Annotated[Principal, requires("admin:users:write")]
FreshWriter = Annotated[Principal, requires("admin:users:write", fresh=True)]
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
Moment = Annotated[AwareDatetime | None, Query(ge=_EARLIEST, lt=_LATEST)]
Beginning = Annotated[str | None, Query(min_length=1, max_length=254)]


@router.get("", summary="Users")
async def list_users(
    *,
    users: Annotated[Users, provide(Users)],
    db: Annotated[Database, provide(Database)],
    cursors: Annotated[Cursors, provide(Cursors)],
    caller: Reader,
    paging: Paging,
    email: Beginning = None,
    name: Beginning = None,
    sub: Annotated[str | None, Query(max_length=255, pattern=r"^[\x21-\x7e]+$")] = None,
    status: UserStatus | None = None,
    created_from: Moment = None,
    created_before: Moment = None,
    order: Order | None = None,
) -> UserPage:
    """Search by the beginning of the address or of the name, whatever their case, by status and time of creation.

    What is searched decides the order: a search by address comes in the order of addresses. Two searches of which
    each has an order of its own are refused.
    """
    query = UserQuery(
        email=email,
        name=name,
        sub=sub,
        status=status,
        created_from=created_from,
        created_before=created_before,
        order=order,
    )
    bound_to = ("users", caller.sub, *query.words)
    position = cursors.position(paging, bound_to=bound_to)
    async with db.transaction() as tx:
        rows = await users.search(tx, query, after=position, limit=paging.limit + 1)
    page = cursors.page(rows, paging, position_of=query.position_of, bound_to=bound_to)
    return UserPage(items=[UserBody.of(user) for user in page.items], next=page.next)


@router.post("", summary="Make a user", status_code=201)
async def create(
    body: NewUserBody, administration: Administration, caller: Writer, origin: RequestOrigin, response: Response
) -> UserBody:
    """Without a password the user is mailed a link by which they set one."""
    new = NewAccount(
        email=body.email,
        name=body.name,
        password=body.password,
        verified=body.email_verified,
        locale=body.locale,
        attributes=body.attributes,
    )
    return _shown(await administration.create(new, by=caller, origin=origin), response)


@router.get("/{sub}", summary="A user")
async def show(sub: str, administration: Administration, caller: Reader, response: Response) -> UserBody:  # noqa: ARG001 — the guard
    """A user with their roles, and the names of their factors."""
    return _shown(await administration.show(sub), response)


@router.patch("/{sub}", summary="Change a user")
async def change(
    *,
    sub: str,
    body: UserChange,
    administration: Administration,
    caller: Writer,
    origin: RequestOrigin,
    precondition: IfMatch,
    response: Response,
) -> UserBody:
    """Change what is named: null takes a name or an attribute away.

    A new address counts as verified only where `email_verified` says so; the old one is told.
    """
    changes = Changes(
        renames="name" in body.model_fields_set,
        name=body.name,
        email=body.email,
        verified=body.email_verified,
        attributes=body.attributes,
    )
    changed = await administration.change(sub, changes, precondition=precondition, by=caller, origin=origin)
    return _shown(changed, response)


@router.delete("/{sub}", summary="Delete a user", status_code=204)
async def delete(
    sub: str, administration: Administration, lifecycle: Lifecycle, caller: FreshWriter, origin: RequestOrigin
) -> None:
    """Delete a user with all that is kept of them, at once. The audit log keeps the subject."""
    user = await administration.target(sub, caller)
    await lifecycle.delete(user.id, actor=actor_of(caller), origin=origin)


@router.post("/{sub}/suspend", summary="Suspend a user")
async def suspend(
    *,
    sub: str,
    administration: Administration,
    lifecycle: Lifecycle,
    caller: Writer,
    origin: RequestOrigin,
    response: Response,
) -> UserBody:
    """Keep a user from acting, and end every session, sign-in and mailed link of theirs."""
    user = await administration.target(sub, caller)
    await lifecycle.suspend(user.id, actor=actor_of(caller), origin=origin)
    return _shown(await administration.show(sub), response)


@router.post("/{sub}/reactivate", summary="Let a user act again")
async def reactivate(
    *,
    sub: str,
    administration: Administration,
    lifecycle: Lifecycle,
    caller: Writer,
    origin: RequestOrigin,
    response: Response,
) -> UserBody:
    """Let a suspended user act again, or give back an account that its user closed. What was ended stays ended."""
    user = await administration.target(sub, caller)
    await lifecycle.reactivate(user.id, actor=actor_of(caller), origin=origin)
    return _shown(await administration.show(sub), response)


@router.post("/{sub}/unlock", summary="Forget a user's wrong passwords")
async def unlock(
    sub: str, administration: Administration, caller: Writer, origin: RequestOrigin, response: Response
) -> UserBody:
    """Open an account that wrong passwords locked."""
    return _shown(await administration.unlock(sub, by=caller, origin=origin), response)


@router.post("/{sub}/reset-mfa", summary="Take a user's second factors away")
async def reset_mfa(
    *,
    sub: str,
    administration: Administration,
    second_factors: Annotated[SecondFactors, provide(SecondFactors)],
    caller: FreshWriter,
    origin: RequestOrigin,
    response: Response,
) -> UserBody:
    """Take every second factor away, end the user's sessions, and tell them. Make sure of who asks you to."""
    user = await administration.target(sub, caller)
    await second_factors.reset(user.id, actor=actor_of(caller), origin=origin)
    return _shown(await administration.show(sub), response)


def _shown(managed: ManagedUser, response: Response) -> UserBody:
    show_etag(response, managed.etag)
    return UserBody.of(managed.user, managed)
