"""Which deliveries are past use, and which deleted endpoints."""

from collections.abc import Sequence
from datetime import timedelta

from app.foundation.purge import PurgeRule
from app.webhooks.settings import WebhookSettings


def rules(settings: WebhookSettings) -> Sequence[PurgeRule]:
    """The rules; attempts go with their deliveries."""
    kept = timedelta(days=settings.log_days)
    return (
        PurgeRule(table="webhook_deliveries", kept=kept, condition="state IN ('delivered', 'dead')"),
        PurgeRule(table="webhook_endpoints", kept=kept, order="deleted_at"),
    )
