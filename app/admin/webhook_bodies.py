"""How webhooks and their deliveries are shown."""

import json
from typing import Any, Literal

from pydantic import BaseModel
from sqlalchemy import Row

from app.foundation.clock import rfc3339
from app.webhooks.endpoint import Endpoint, NewSecret
from app.webhooks.log import LoggedDelivery

DeliveryState = Literal["queued", "pending", "sending", "delivered", "dead"]


class EndpointBody(BaseModel):
    """A webhook. `failures` counts attempts since the last success; nothing is sent before `held_until`."""

    id: str
    url: str
    description: str | None
    event_types: list[str]
    state: Literal["active", "paused", "disabled"]
    failures: int
    failing_since: str | None
    held_until: str | None
    paused_at: str | None
    paused_reason: Literal["failing", "gone"] | None
    created_at: str
    updated_at: str

    @classmethod
    def of(cls, endpoint: Endpoint) -> "EndpointBody":
        """The webhook as it is shown."""
        return cls(**values_of(endpoint))


class NewEndpointBody(EndpointBody):
    """A webhook with a new secret, which is shown this once."""

    secret: str

    @classmethod
    def showing(cls, made: NewSecret) -> "NewEndpointBody":
        """The webhook and the secret."""
        return cls(**values_of(made.endpoint), secret=made.raw_secret)


class EndpointPage(BaseModel):
    """Some webhooks, oldest first."""

    items: list[EndpointBody]
    next: str | None


class DeliveryBody(BaseModel):
    """An event for a webhook.

    `queued` waits behind another about the same object; `pending` is due at `due_at`; `dead` was given up.
    """

    id: str
    webhook_id: str
    event_id: str
    event_type: str
    state: DeliveryState
    attempts: int
    due_at: str | None
    created_at: str
    ended_at: str | None

    @classmethod
    def of(cls, row: Row[Any]) -> "DeliveryBody":
        """The delivery as it is shown."""
        return cls(**_delivery(row))


class DeliveryPage(BaseModel):
    """Some deliveries, the newest first."""

    items: list[DeliveryBody]
    next: str | None


class AttemptBody(BaseModel):
    """One sending. `failure` is null where the receiver took the event; `answer` begins the body of its answer."""

    at: str
    url: str
    duration_ms: int
    status: int | None
    failure: str | None
    detail: str | None
    answer: str | None


class AttemptedDeliveryBody(DeliveryBody):
    """A delivery with what was sent and its latest attempts, the newest first."""

    body: dict[str, Any]
    log: list[AttemptBody]

    @classmethod
    def showing(cls, logged: LoggedDelivery) -> "AttemptedDeliveryBody":
        """The delivery and its attempts."""
        log = [
            AttemptBody(
                at=rfc3339(row.at),
                url=row.url,
                duration_ms=row.duration_ms,
                status=row.status,
                failure=row.failure,
                detail=row.detail,
                answer=row.answer,
            )
            for row in logged.attempts
        ]
        return cls(**_delivery(logged.delivery), body=json.loads(logged.delivery.body), log=log)


class ReplayedBody(BaseModel):
    """How many deliveries are sent again."""

    deliveries: int


def values_of(endpoint: Endpoint) -> dict[str, Any]:
    """The members by which a webhook is shown, here and by the command line."""
    return {
        "id": str(endpoint.id),
        "url": endpoint.url,
        "description": endpoint.description,
        "event_types": list(endpoint.event_types),
        "state": endpoint.state.value,
        "failures": endpoint.failures,
        "failing_since": rfc3339(endpoint.failing_since),
        "held_until": rfc3339(endpoint.held_until),
        "paused_at": rfc3339(endpoint.paused_at),
        "paused_reason": endpoint.paused_reason,
        "created_at": rfc3339(endpoint.created_at),
        "updated_at": rfc3339(endpoint.updated_at),
    }


def _delivery(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "webhook_id": str(row.endpoint_id),
        "event_id": str(row.event_id),
        "event_type": row.event_type,
        "state": row.state,
        "attempts": row.attempts,
        "due_at": rfc3339(row.due_at) if row.ended_at is None else None,
        "created_at": rfc3339(row.created_at),
        "ended_at": rfc3339(row.ended_at),
    }
