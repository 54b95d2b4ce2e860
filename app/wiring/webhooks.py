"""Webhooks."""

from datetime import timedelta

from app.foundation.mail.outbox import Outbox
from app.webhooks.attempt import Sender
from app.webhooks.collect import Collector
from app.webhooks.deliver import Delivery
from app.webhooks.log import DeliveryLog
from app.webhooks.notice import PauseNotice
from app.webhooks.parts import WebhookParts
from app.webhooks.secrets import EndpointSecrets
from app.webhooks.service import Webhooks
from app.webhooks.settle import Settlement
from app.wiring.ground import Ground


def build(ground: Ground, *, outbox: Outbox) -> WebhookParts:
    """What tells other systems of events. Nothing is connected before it runs."""
    db, clock, audit, settings = ground.db, ground.clock, ground.audit, ground.settings.webhooks
    secrets, retry = EndpointSecrets(ground.keyring), timedelta(seconds=settings.retry_seconds)
    sender = Sender(ground.outbound, clock, timeout_seconds=settings.timeout_seconds)
    settlement = Settlement(db, clock, audit, pause_after=timedelta(seconds=settings.pause_after_seconds))
    return WebhookParts(
        registry=Webhooks(
            db,
            clock,
            audit=audit,
            keyring=ground.keyring,
            egress=ground.outbound.egress,
            max_endpoints=settings.max_endpoints,
        ),
        log=DeliveryLog(db, clock, audit=audit, secrets=secrets, sender=sender, settlement=settlement, retry=retry),
        collector=Collector(clock, retry=retry),
        delivery=Delivery(
            db, clock, sender=sender, settlement=settlement, secrets=secrets, concurrency=settings.concurrency
        ),
        notice=PauseNotice(db, outbox),
    )
