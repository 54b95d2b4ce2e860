"""`/admin/users/{sub}/identities`: by which other providers a user signs in."""

from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel
from starlette.responses import Response

from app.admin.acting import actor_of
from app.admin.guard import requires
from app.admin.routing import AdminRouter
from app.federation.identities.decide import How
from app.federation.identities.service import Linked
from app.foundation.caller import RequestOrigin
from app.foundation.clock import rfc3339
from app.foundation.etags import IfMatch, show_etag
from app.foundation.pagination import Cursors, Paging
from app.foundation.principal import Principal
from app.foundation.provide import provide
from app.lifecycle.administration import UserAdministration
from app.lifecycle.identities import IdentityUnlinking, etag_of_identity

router = AdminRouter("users")

Administration = Annotated[UserAdministration, provide(UserAdministration)]
Unlinking = Annotated[IdentityUnlinking, provide(IdentityUnlinking)]
Reader = Annotated[Principal, requires("admin:users:read")]
FreshWriter = Annotated[Principal, requires("admin:users:write", fresh=True)]


class UserIdentityBody(BaseModel):
    """An identity of a user at another provider: whose word it is, and whom it names there.

    `how` it came to the user: the account was made by it (`created`), their addresses were the same and verified by
    both sides (`verified_email`), or they linked it themselves (`account`); null where that was not kept yet.
    """

    id: str
    provider: str
    issuer: str
    subject: str
    email: str | None
    how: How | None
    created_at: str
    last_used_at: str | None

    @classmethod
    def of(cls, linked: Linked) -> "UserIdentityBody":
        """An identity as JSON."""
        return cls(
            id=str(linked.id),
            provider=linked.connection_id,
            issuer=linked.issuer,
            subject=linked.subject,
            email=linked.email,
            how=linked.how,
            created_at=rfc3339(linked.created_at),
            last_used_at=rfc3339(linked.last_used_at),
        )


class UserIdentityPage(BaseModel):
    """Some identities, the oldest first; `next` is the cursor of the page after this one."""

    items: list[UserIdentityBody]
    next: str | None


@router.get("/{sub}/identities", summary="A user's identities at other providers")
async def list_identities(
    *,
    sub: str,
    administration: Administration,
    unlinking: Unlinking,
    cursors: Annotated[Cursors, provide(Cursors)],
    caller: Reader,
    paging: Paging,
) -> UserIdentityPage:
    """By which providers they sign in, the oldest first."""
    managed = await administration.show(sub)
    bound_to = ("user identities", caller.sub, sub)
    position = cursors.position(paging, bound_to=bound_to)
    after = UUID(int=0) if position is None else UUID(position[0])
    rows = [linked for linked in await unlinking.list_of(managed.user.id) if linked.id > after]
    page = cursors.page(
        rows[: paging.limit + 1], paging, position_of=lambda linked: (str(linked.id),), bound_to=bound_to
    )
    return UserIdentityPage(items=[UserIdentityBody.of(linked) for linked in page.items], next=page.next)


@router.get("/{sub}/identities/{identity_id}", summary="An identity of a user")
async def show(
    *,
    sub: str,
    identity_id: UUID,
    administration: Administration,
    unlinking: Unlinking,
    caller: Reader,  # noqa: ARG001 — the guard
    response: Response,
) -> UserIdentityBody:
    """One identity, with the tag by which it is unlinked as it was read."""
    managed = await administration.show(sub)
    linked = await unlinking.get(managed.user.id, identity_id)
    show_etag(response, etag_of_identity(linked))
    return UserIdentityBody.of(linked)


@router.delete("/{sub}/identities/{identity_id}", summary="Unlink an identity of a user", status_code=204)
async def unlink(
    *,
    sub: str,
    identity_id: UUID,
    administration: Administration,
    unlinking: Unlinking,
    caller: FreshWriter,
    origin: RequestOrigin,
    precondition: IfMatch,
    force: Annotated[bool, Query(description="Also where the user could not sign in any more")] = False,
) -> None:
    """Let it open the account no more, end every session of the user, and tell them by mail.

    Their last way in is refused, unless `force` says so. Whoever has the identity may come again: where the
    provider's policy makes accounts, a new one may be made for them.
    """
    user = await administration.target(sub, caller)
    await unlinking.unlink(
        user.id,
        identity_id,
        keep=None,
        actor=actor_of(caller),
        origin=origin,
        precondition=precondition,
        forced=force,
    )
