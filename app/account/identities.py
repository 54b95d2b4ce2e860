"""`/auth/me/identities`: by which other providers the caller signs in."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel

from app.audit.event import Actor, ActorKind
from app.federation.identities.service import Linked
from app.foundation.caller import Caller, RequestOrigin
from app.foundation.clock import rfc3339
from app.foundation.fresh import FreshAuth
from app.foundation.provide import provide
from app.foundation.routing import Router
from app.lifecycle.identities import IdentityUnlinking

router = Router(tags=["account"], prefix="/auth/me/identities")

Unlinking = Annotated[IdentityUnlinking, provide(IdentityUnlinking)]


class IdentityBody(BaseModel):
    """An identity of another provider: whose word it is, whom it names there, and when it was used last."""

    id: str
    provider: str
    issuer: str
    subject: str
    email: str | None
    created_at: str
    last_used_at: str | None

    @classmethod
    def of(cls, linked: Linked) -> "IdentityBody":
        """An identity as JSON."""
        return cls(
            id=str(linked.id),
            provider=linked.connection_id,
            issuer=linked.issuer,
            subject=linked.subject,
            email=linked.email,
            created_at=rfc3339(linked.created_at),
            last_used_at=rfc3339(linked.last_used_at),
        )


class IdentityList(BaseModel):
    """Every identity of the caller, the oldest first."""

    items: list[IdentityBody]
    next: None = None


@router.get("", summary="Providers that the caller signs in by")
async def list_identities(unlinking: Unlinking, caller: Caller) -> IdentityList:
    """Linking happens on the page `/account/identities`, which the caller's browser opens."""
    return IdentityList(items=[IdentityBody.of(linked) for linked in await unlinking.list_of(caller.user_id)])


@router.delete("/{identity_id}", summary="Unlink a provider", status_code=204)
async def unlink(
    identity_id: UUID,
    unlinking: Unlinking,
    fresh: Annotated[FreshAuth, provide(FreshAuth)],
    caller: Caller,
    origin: RequestOrigin,
) -> None:
    """Other sessions end. Needs a sign-in within the last ten minutes (a setting); the last way in stays."""
    fresh.require(caller)
    actor = Actor(ActorKind.USER, caller.sub)
    await unlinking.unlink(caller.user_id, identity_id, keep=caller.session_id, actor=actor, origin=origin)
