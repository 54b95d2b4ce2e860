"""What the worker does for clients: it fetches the picture of each that is registered or changed."""

from collections.abc import Sequence

from app.audit.fanout import PastEvent, Subscription
from app.clients.events import ClientCreated, ClientDeleted, ClientUpdated
from app.clients.logos import ClientLogos


def subscriptions(logos: ClientLogos) -> Sequence[Subscription]:
    """Who is told that a client's picture may be another one."""

    async def refresh(event: PastEvent) -> None:
        if event.subject is not None:
            await logos.refresh(event.subject)

    types = (ClientCreated.type, ClientUpdated.type, ClientDeleted.type)
    return tuple(Subscription(event_type, refresh, "logo") for event_type in types)
