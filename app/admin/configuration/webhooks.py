"""Webhook endpoints, as configuration."""

from collections import Counter

from app.admin.configuration.document import WebhookEntry
from app.admin.configuration.kind import Acting, Present
from app.foundation.db import Transaction
from app.webhooks.endpoint import Endpoint
from app.webhooks.service import EndpointChange, Webhooks

_PAGE = 200


class WebhookKind:
    """Endpoints, by their URLs. Their secrets are made here: `webhooks rotate-secret` shows a new one."""

    word, part = "webhook", "webhooks"

    def __init__(self, webhooks: Webhooks) -> None:
        self._webhooks = webhooks

    async def read(self, tx: Transaction) -> Present[WebhookEntry]:  # noqa: ARG002 — its service joins the transaction
        """Every endpoint whose URL no other has."""
        found = await self._list()
        times = Counter(endpoint.url for endpoint in found)
        entries = {endpoint.url: _entry(endpoint) for endpoint in found if times[endpoint.url] == 1}
        return Present(entries, frozenset(url for url, count in times.items() if count > 1))

    async def create(self, tx: Transaction, name: str, entry: WebhookEntry, acting: Acting) -> None:
        """Register one. Raises what `Webhooks.create` raises."""
        await self._webhooks.create(
            url=name,
            event_types=entry.event_types,
            description=entry.description,
            actor=acting.actor,
            origin=acting.origin,
        )
        if entry.disabled:
            await self.update(tx, name, entry, acting)

    async def update(self, tx: Transaction, name: str, entry: WebhookEntry, acting: Acting) -> None:  # noqa: ARG002
        """Change one. Raises what `Webhooks.update` raises."""
        change = EndpointChange(
            description=entry.description or "", event_types=entry.event_types, disabled=entry.disabled
        )
        endpoint = await self._named(name)
        await self._webhooks.update(endpoint.id, change, actor=acting.actor, origin=acting.origin)

    async def settle(self, *_: object) -> list[str]:
        """Nothing is left to do."""
        return []

    async def remove(self, tx: Transaction, name: str, acting: Acting) -> bool:  # noqa: ARG002
        """Delete one."""
        endpoint = await self._named(name)
        await self._webhooks.delete(endpoint.id, actor=acting.actor, origin=acting.origin)
        return True

    async def _named(self, url: str) -> Endpoint:
        return next(endpoint for endpoint in await self._list() if endpoint.url == url)

    async def _list(self) -> list[Endpoint]:
        found: list[Endpoint] = []
        while page := await self._webhooks.list(limit=_PAGE, after=found[-1].id if found else None):
            found += page
        return found


def _entry(endpoint: Endpoint) -> WebhookEntry:
    return WebhookEntry(
        event_types=list(endpoint.event_types), description=endpoint.description, disabled=endpoint.disabled
    )
