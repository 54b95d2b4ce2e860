"""What happens to webhooks."""

from dataclasses import dataclass
from typing import ClassVar

from app.audit.event import Event, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookCreated(Event):
    """An endpoint is told of events from now on."""

    type: ClassVar[str] = "webhook.created"

    webhook_id: str
    host: str
    event_types: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookUpdated(Event):
    """Something about an endpoint changed; `changed` names what."""

    type: ClassVar[str] = "webhook.updated"

    webhook_id: str
    host: str
    changed: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDeleted(Event):
    """An endpoint is told no more."""

    type: ClassVar[str] = "webhook.deleted"

    webhook_id: str
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSecretRotated(Event):
    """An endpoint got another secret; the former ones sign too for `overlap_seconds` more."""

    type: ClassVar[str] = "webhook.secret_rotated"

    webhook_id: str
    host: str
    overlap_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookPaused(Event):
    """An endpoint failed for so long, or said that it is gone, that nothing is sent to it until it is resumed."""

    type: ClassVar[str] = "webhook.paused"
    outcome: ClassVar[Outcome] = Outcome.REFUSED

    webhook_id: str
    host: str
    reason: str
    failing_since: str
    failures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookResumed(Event):
    """A paused endpoint is sent to again."""

    type: ClassVar[str] = "webhook.resumed"

    webhook_id: str
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookReplayed(Event):
    """Deliveries that had ended are sent again: how many, and the one, where it was one."""

    type: ClassVar[str] = "webhook.replayed"

    webhook_id: str
    host: str
    deliveries: int
    delivery_id: str | None = None
