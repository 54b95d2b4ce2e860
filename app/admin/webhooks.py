"""`/admin/webhooks`: who is told of events, and what became of it."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query
from pydantic import AwareDatetime, Field
from starlette.responses import Response

from app.admin.acting import actor_of
from app.admin.guard import requires
from app.admin.routing import AdminRouter
from app.admin.webhook_bodies import (
    AttemptedDeliveryBody,
    DeliveryBody,
    DeliveryPage,
    EndpointBody,
    EndpointPage,
    NewEndpointBody,
    ReplayedBody,
)
from app.foundation.body import Body
from app.foundation.caller import RequestOrigin
from app.foundation.etags import IfMatch, Precondition, etag_of, show_etag
from app.foundation.pagination import Cursors, Paging
from app.foundation.principal import Principal
from app.foundation.provide import provide
from app.webhooks import rules
from app.webhooks.endpoint import Endpoint
from app.webhooks.log import DeliveryLog
from app.webhooks.service import EndpointChange, Webhooks

router = AdminRouter("webhooks")

MAX_OVERLAP_SECONDS = 7 * 86_400
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

Registry = Annotated[Webhooks, provide(Webhooks)]
Log = Annotated[DeliveryLog, provide(DeliveryLog)]
Sealed = Annotated[Cursors, provide(Cursors)]
Reader = Annotated[Principal, requires("admin:webhooks:read")]
Writer = Annotated[Principal, requires("admin:webhooks:write")]
# A secret is handed out, and what is told leaves the house.
FreshWriter = Annotated[Principal, requires("admin:webhooks:write", fresh=True)]
# Its answer is the receiver's: the request waits for it, and holds no transaction meanwhile.
Tester = Annotated[Principal, requires("admin:webhooks:write", idempotent=False)]

URL = Annotated[str, Field(max_length=2048, examples=["https://hooks.example.com/auth"])]
Description = Annotated[str, Field(max_length=rules.MAX_DESCRIPTION_CHARACTERS)]
Types = Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=rules.MAX_TYPES)]


class EndpointRequest(Body):
    """A new webhook. `event_types` are those of the contract, or `*` for all."""

    url: URL
    event_types: Types
    description: Description | None = None


class EndpointPatch(Body):
    """What to change; what is left out stays. An empty `description` takes it away."""

    url: URL | None = None
    event_types: Types | None = None
    description: Description | None = None
    disabled: bool | None = None


class SecretRequest(Body):
    """How long the secrets that the webhook has sign too."""

    overlap_seconds: int = Field(default=86_400, ge=0, le=MAX_OVERLAP_SECONDS)


class ReplayRequest(Body):
    """From when on failed deliveries are sent again; without it all that are still in the log."""

    since: AwareDatetime | None = Field(default=None, strict=False)


@router.post("", status_code=201, summary="Create a webhook")
async def create(
    body: EndpointRequest, registry: Registry, caller: FreshWriter, origin: RequestOrigin, response: Response
) -> NewEndpointBody:
    """Tell a URL of events from now on. The secret that signs them is in this answer and never shown again."""
    made = await registry.create(
        url=body.url,
        event_types=body.event_types,
        description=body.description or None,
        actor=actor_of(caller),
        origin=origin,
    )
    show_etag(response, _etag(made.endpoint))
    return NewEndpointBody.showing(made)


@router.get("", summary="The webhooks")
async def list_endpoints(registry: Registry, caller: Reader, paging: Paging, cursors: Sealed) -> EndpointPage:
    """Every webhook and how it fares, oldest first."""
    bound_to = ("webhooks", caller.sub)
    position = cursors.position(paging, bound_to=bound_to)
    rows = await registry.list(limit=paging.limit + 1, after=UUID(position[0]) if position else None)
    page = cursors.page(rows, paging, position_of=lambda row: (str(row.id),), bound_to=bound_to)
    return EndpointPage(items=[EndpointBody.of(row) for row in page.items], next=page.next)


@router.get("/{webhook_id}", summary="A webhook")
async def show(webhook_id: UUID, registry: Registry, caller: Reader, response: Response) -> EndpointBody:  # noqa: ARG001
    """One webhook and how it fares."""
    endpoint = await registry.get(webhook_id)
    show_etag(response, _etag(endpoint))
    return EndpointBody.of(endpoint)


@router.patch("/{webhook_id}", summary="Change a webhook")
async def update(
    *,
    webhook_id: UUID,
    body: EndpointPatch,
    registry: Registry,
    caller: FreshWriter,
    origin: RequestOrigin,
    precondition: IfMatch,
    response: Response,
) -> EndpointBody:
    """Change where it is, what it is told of, or disable it. A disabled webhook is told nothing, later neither."""
    change = EndpointChange(
        url=body.url, event_types=body.event_types, description=body.description, disabled=body.disabled
    )
    endpoint = await registry.update(
        webhook_id, change, actor=actor_of(caller), origin=origin, unchanged=_unchanged(precondition)
    )
    show_etag(response, _etag(endpoint))
    return EndpointBody.of(endpoint)


@router.delete("/{webhook_id}", status_code=204, summary="Delete a webhook")
async def delete(
    webhook_id: UUID, registry: Registry, caller: Writer, origin: RequestOrigin, precondition: IfMatch
) -> None:
    """Tell it nothing more, and forget its secrets. What waits for it is not sent."""
    await registry.delete(webhook_id, actor=actor_of(caller), origin=origin, unchanged=_unchanged(precondition))


@router.post("/{webhook_id}/rotate-secret", summary="Rotate a webhook's secret")
async def rotate_secret(
    webhook_id: UUID, body: SecretRequest, registry: Registry, caller: FreshWriter, origin: RequestOrigin
) -> NewEndpointBody:
    """Give it another secret, shown this once. Until the overlap ends both sign, each delivery twice."""
    overlap = timedelta(seconds=body.overlap_seconds)
    made = await registry.rotate_secret(webhook_id, overlap=overlap, actor=actor_of(caller), origin=origin)
    return NewEndpointBody.showing(made)


@router.post("/{webhook_id}/resume", summary="Resume a paused webhook")
async def resume(webhook_id: UUID, registry: Registry, caller: Writer, origin: RequestOrigin) -> EndpointBody:
    """Send to it again, at once, what waits for it. What failed meanwhile is for a replay."""
    return EndpointBody.of(await registry.resume(webhook_id, actor=actor_of(caller), origin=origin))


@router.post("/{webhook_id}/test", summary="Send a test event")
async def send_test(webhook_id: UUID, log: Log, caller: Tester) -> AttemptedDeliveryBody:  # noqa: ARG001
    """Send `webhook.test` now, once, and answer with what came of it, also where that is a failure."""
    return AttemptedDeliveryBody.showing(await log.test(webhook_id))


@router.get("/{webhook_id}/deliveries", summary="A webhook's deliveries")
async def list_deliveries(
    *,
    webhook_id: UUID,
    log: Log,
    caller: Reader,
    paging: Paging,
    cursors: Sealed,
    state: Annotated[
        Literal["queued", "pending", "sending", "delivered", "dead"] | None, Query(description="Those in this state")
    ] = None,
) -> DeliveryPage:
    """What it was told and is to be told, the newest first."""
    bound_to = ("webhook deliveries", str(webhook_id), state or "", caller.sub)
    position = cursors.position(paging, bound_to=bound_to)
    before = UUID(position[0]) if position else None
    rows = await log.list(webhook_id, limit=paging.limit + 1, before=before, state=state)
    page = cursors.page(rows, paging, position_of=lambda row: (str(row.id),), bound_to=bound_to)
    return DeliveryPage(items=[DeliveryBody.of(row) for row in page.items], next=page.next)


@router.get("/{webhook_id}/deliveries/{delivery_id}", summary="A delivery")
async def show_delivery(webhook_id: UUID, delivery_id: UUID, log: Log, caller: Reader) -> AttemptedDeliveryBody:  # noqa: ARG001
    """What was sent and what was answered, attempt by attempt, the newest first."""
    return AttemptedDeliveryBody.showing(await log.get(webhook_id, delivery_id))


@router.post("/{webhook_id}/deliveries/{delivery_id}/replay", status_code=202, summary="Replay a delivery")
async def replay(
    webhook_id: UUID, delivery_id: UUID, log: Log, caller: Writer, origin: RequestOrigin
) -> AttemptedDeliveryBody:
    """Send a delivery that has ended again, with the same id and body."""
    return AttemptedDeliveryBody.showing(
        await log.replay(webhook_id, delivery_id, actor=actor_of(caller), origin=origin)
    )


@router.post("/{webhook_id}/replay", status_code=202, summary="Replay all that failed")
async def replay_failed(
    webhook_id: UUID, body: ReplayRequest, log: Log, caller: Writer, origin: RequestOrigin
) -> ReplayedBody:
    """Send all that failed since then again, in order."""
    since = body.since or _BEGINNING
    return ReplayedBody(
        deliveries=await log.replay_failed(webhook_id, since=since, actor=actor_of(caller), origin=origin)
    )


def _etag(endpoint: Endpoint) -> str:
    return etag_of(endpoint.id, endpoint.version)


class _unchanged:  # noqa: N801  # reads as what it checks
    """Holds the caller's precondition against the endpoint that is locked."""

    def __init__(self, precondition: Precondition) -> None:
        self._precondition = precondition

    def __call__(self, endpoint: Endpoint) -> None:
        self._precondition.require(_etag(endpoint))
