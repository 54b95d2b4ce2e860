"""The services of webhooks."""

from dataclasses import dataclass

from app.foundation.parts import Parts
from app.webhooks.collect import Collector
from app.webhooks.deliver import Delivery
from app.webhooks.log import DeliveryLog
from app.webhooks.notice import PauseNotice
from app.webhooks.service import Webhooks


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookParts(Parts):
    """The registry and the log for administrators; what collects, delivers and tells of pauses for the worker."""

    registry: Webhooks
    log: DeliveryLog
    collector: Collector
    delivery: Delivery
    notice: PauseNotice
