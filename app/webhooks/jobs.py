"""What the worker tells webhooks of, apart from the events that they deliver."""

from collections.abc import Sequence

from app.audit.fanout import Subscription
from app.webhooks.events import WebhookPaused
from app.webhooks.notice import PauseNotice


def subscriptions(notice: PauseNotice) -> Sequence[Subscription]:
    """Who is told that a webhook was paused."""
    return (Subscription(WebhookPaused.type, notice.tell, "pause notice"),)
