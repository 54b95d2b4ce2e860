"""`/auth/me/consents`: what the caller allows clients."""

from typing import Annotated

from pydantic import BaseModel

from app.audit.event import Actor, ActorKind
from app.clients.errors import ClientNotFound
from app.clients.service import Clients
from app.consents.consent import Consent
from app.consents.service import Consents
from app.foundation.caller import Caller, RequestOrigin
from app.foundation.clock import rfc3339
from app.foundation.db import Database, Transaction
from app.foundation.provide import provide
from app.foundation.routing import Router
from app.lifecycle.consent import ConsentWithdrawal

router = Router(tags=["account"], prefix="/auth/me/consents")


class ConsentBody(BaseModel):
    """What a client was allowed: scopes that speak of the person, those of each audience, and claims by their names."""

    client_id: str
    client_name: str
    client_uri: str | None
    scopes: list[str]
    audiences: dict[str, list[str]]
    claims: list[str]
    granted_at: str
    updated_at: str


class ConsentList(BaseModel):
    """Every consent of the caller, the oldest first."""

    items: list[ConsentBody]


@router.get("", summary="What the caller allows clients")
async def list_consents(
    db: Annotated[Database, provide(Database)],
    consents: Annotated[Consents, provide(Consents)],
    clients: Annotated[Clients, provide(Clients)],
    caller: Caller,
) -> ConsentList:
    """Each client that was allowed something on a page of ours, with what that was."""
    async with db.transaction() as tx:
        shown = [await _shown(tx, clients, each) for each in await consents.list(tx, caller.user_id)]
    return ConsentList(items=[body for body in shown if body is not None])


@router.delete("/{client_id}", summary="Take back what a client was allowed", status_code=204)
async def withdraw(
    client_id: str,
    withdrawal: Annotated[ConsentWithdrawal, provide(ConsentWithdrawal)],
    caller: Caller,
    origin: RequestOrigin,
) -> None:
    """Its tokens are refused from now on, refresh tokens too, and it has to ask again."""
    actor = Actor(ActorKind.USER, caller.sub)
    await withdrawal.withdraw(caller.user_id, client_id, actor=actor, origin=origin)


async def _shown(tx: Transaction, clients: Clients, consent: Consent) -> ConsentBody | None:
    try:
        client = await clients.get(tx, consent.client_id)
    except ClientNotFound:
        return None
    return ConsentBody(
        client_id=consent.client_id,
        client_name=client.name,
        client_uri=client.definition.client_uri,
        scopes=consent.of_the_person,
        audiences=consent.at_audiences,
        claims=sorted(consent.claims),
        granted_at=rfc3339(consent.granted_at),
        updated_at=rfc3339(consent.updated_at),
    )
