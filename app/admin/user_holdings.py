"""`/admin/users/{sub}/…`: what hangs from a user, and acting in their name."""

from typing import Annotated
from uuid import UUID

from fastapi import Query

from app.admin.guard import requires
from app.admin.routing import AdminRouter
from app.admin.user_schemas import (
    HeldRole,
    ImpersonationAnswer,
    ImpersonationRequest,
    RoleGiven,
    UserSessionBody,
    UserSessionPage,
)
from app.foundation.caller import RequestOrigin
from app.foundation.db import Database
from app.foundation.errors import NotFound
from app.foundation.pagination import Cursors, Paging
from app.foundation.principal import Principal
from app.foundation.provide import provide
from app.lifecycle.administration import UserAdministration, actor_of
from app.lifecycle.impersonation import Impersonation
from app.sessions.service import Sessions

router = AdminRouter("users")

Administration = Annotated[UserAdministration, provide(UserAdministration)]
UserSessions = Annotated[Sessions, provide(Sessions)]
Transactions = Annotated[Database, provide(Database)]
Reader = Annotated[Principal, requires("admin:users:read")]
Writer = Annotated[Principal, requires("admin:users:write")]
Assigner = Annotated[Principal, requires("admin:roles:write")]


@router.get("/{sub}/sessions", summary="A user's sessions")
async def list_sessions(
    *,
    sub: str,
    administration: Administration,
    sessions: UserSessions,
    db: Transactions,
    cursors: Annotated[Cursors, provide(Cursors)],
    caller: Reader,
    paging: Paging,
) -> UserSessionPage:
    """Live sessions, newest first."""
    managed = await administration.show(sub)
    bound_to = ("user sessions", caller.sub, sub)
    position = cursors.position(paging, bound_to=bound_to)
    after = None if position is None else UUID(position[0])
    async with db.transaction() as tx:
        rows = await sessions.list_live(tx, managed.user.id, after=after, limit=paging.limit + 1)
    page = cursors.page(rows, paging, position_of=lambda row: (str(row.id),), bound_to=bound_to)
    return UserSessionPage(items=[UserSessionBody.of(row) for row in page.items], next=page.next)


@router.delete("/{sub}/sessions", summary="End every session of a user", status_code=204)
async def end_sessions(
    *,
    sub: str,
    administration: Administration,
    sessions: UserSessions,
    db: Transactions,
    caller: Writer,
    origin: RequestOrigin,
) -> None:
    """Sign a user out everywhere; their tokens are refused from now on."""
    user = await administration.target(sub, caller)
    async with db.transaction() as tx:
        await sessions.end_all(
            tx, user.id, subject=user.sub, reason="ended_by_administrator", actor=actor_of(caller), origin=origin
        )


@router.delete("/{sub}/sessions/{session_id}", summary="End a session of a user", status_code=204)
async def end_session(
    *,
    sub: str,
    session_id: UUID,
    administration: Administration,
    sessions: UserSessions,
    db: Transactions,
    caller: Writer,
    origin: RequestOrigin,
) -> None:
    """End one session from the list; its tokens are refused from now on."""
    user = await administration.target(sub, caller)
    async with db.transaction() as tx:
        ended = await sessions.end_listed(
            tx,
            session_id,
            user_id=user.id,
            subject=user.sub,
            actor=actor_of(caller),
            origin=origin,
            reason="ended_by_administrator",
        )
    if not ended:
        raise NotFound("The user has no such session.")


@router.get("/{sub}/roles", summary="A user's roles")
async def list_roles(sub: str, administration: Administration, caller: Reader) -> list[HeldRole]:  # noqa: ARG001 — the guard
    """The roles that a user was given, by name."""
    managed = await administration.show(sub)
    return [HeldRole(role=held.role, audience=held.audience) for held in managed.roles]


@router.post("/{sub}/roles", summary="Give a user a role")
async def assign_role(
    sub: str, body: RoleGiven, administration: Administration, caller: Assigner, origin: RequestOrigin
) -> list[HeldRole]:
    """Give a role, at one audience or everywhere. Nobody gives a right over this service that they lack."""
    managed = await administration.assign(sub, body.role, body.audience, by=caller, origin=origin)
    return [HeldRole(role=held.role, audience=held.audience) for held in managed.roles]


@router.delete("/{sub}/roles/{role}", summary="Take a role from a user")
async def remove_role(
    *,
    sub: str,
    role: str,
    administration: Administration,
    caller: Assigner,
    origin: RequestOrigin,
    audience: Annotated[str | None, Query(max_length=255, description="As it was given; left out: everywhere")] = None,
) -> list[HeldRole]:
    """Take a role as it was given. The last administrator keeps theirs."""
    managed = await administration.remove_role(sub, role, audience, by=caller, origin=origin)
    return [HeldRole(role=held.role, audience=held.audience) for held in managed.roles]


@router.post("/{sub}/impersonate", summary="Act in a user's name")
async def impersonate(
    sub: str,
    body: ImpersonationRequest,
    impersonation: Annotated[Impersonation, provide(Impersonation)],
    caller: Annotated[Principal, requires("admin:users:impersonate", fresh=True)],
    origin: RequestOrigin,
) -> ImpersonationAnswer:
    """Get one access token of the user at one audience, for half an hour at most; the user is told by mail.

    It names you in `act`, ends with your own session, and opens nothing here that is the user's alone: no password,
    factor, key, consent, export or deletion.
    """
    answer = await impersonation.begin(sub, audience=body.audience, reason=body.reason, by=caller, origin=origin)
    return ImpersonationAnswer(
        access_token=answer.token.raw_token,
        expires_in=answer.token.expires_in,
        scope=answer.token.scope,
        sid=answer.sid,
    )
