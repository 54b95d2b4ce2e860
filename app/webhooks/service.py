"""Looking after endpoints."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from app.audit.event import Actor
from app.audit.service import AuditLog
from app.foundation.clock import Clock
from app.foundation.db import Database
from app.foundation.encryption import Keyring
from app.foundation.http.egress import Egress, TargetRefused
from app.foundation.ids import new_id
from app.foundation.origin import Origin
from app.webhooks import queue, rules, store
from app.webhooks.endpoint import Endpoint, NewSecret
from app.webhooks.errors import InvalidWebhook, TooManyWebhooks
from app.webhooks.events import (
    WebhookCreated,
    WebhookDeleted,
    WebhookResumed,
    WebhookSecretRotated,
    WebhookUpdated,
)
from app.webhooks.secrets import EndpointSecrets

DEFAULT_OVERLAP = timedelta(days=1)

Unchanged = Callable[[Endpoint], None]
"""Raises where an endpoint, held locked, is no longer what its caller saw."""


def any_version(_: Endpoint) -> None:
    """For callers who change an endpoint whatever it is by now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointChange:
    """What to change: None leaves a part as it is, and an empty description takes it away."""

    url: str | None = None
    description: str | None = None
    event_types: Sequence[str] | None = None
    disabled: bool | None = None

    def values(self) -> dict[str, Any]:
        """The columns that change."""
        given = {"url": self.url, "description": self.description, "disabled": self.disabled}
        values: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        if self.description == "":
            values["description"] = None
        if self.event_types is not None:
            values["event_types"] = sorted(set(self.event_types))
        return values


class Webhooks:
    """The registry of endpoints. Every method is a whole use case."""

    def __init__(
        self, db: Database, clock: Clock, *, audit: AuditLog, keyring: Keyring, egress: Egress, max_endpoints: int
    ) -> None:
        self._db = db
        self._clock = clock
        self._audit = audit
        self._egress = egress
        self._secrets = EndpointSecrets(keyring)
        self._max_endpoints = max_endpoints

    async def create(
        self, *, url: str, event_types: Sequence[str], description: str | None, actor: Actor, origin: Origin
    ) -> NewSecret:
        """Register an endpoint and return its only secret. Raises InvalidWebhook, TooManyWebhooks."""
        change = EndpointChange(url=url, description=description, event_types=event_types)
        await self._check(change)
        now = self._clock.now()
        values = change.values() | {"id": new_id(now), "created_at": now, "updated_at": now}
        async with self._db.transaction() as tx:
            if await store.count(tx) >= self._max_endpoints:
                raise TooManyWebhooks(f"At most {self._max_endpoints}; delete one, or ask an operator for more.")
            endpoint = Endpoint.of(await store.add(tx, values))
            raw_secret = await self._secrets.add(tx, endpoint.id, now=now)
            event = WebhookCreated(
                actor=actor,
                origin=origin,
                webhook_id=str(endpoint.id),
                host=endpoint.host,
                event_types=list(endpoint.event_types),
            )
            await self._audit.record(tx, event)
        return NewSecret(endpoint=endpoint, raw_secret=raw_secret)

    async def get(self, endpoint_id: UUID) -> Endpoint:
        """The endpoint of that id. Raises WebhookNotFound."""
        async with self._db.transaction() as tx:
            return await store.get(tx, endpoint_id)

    async def list(self, *, limit: int, after: UUID | None = None) -> tuple[Endpoint, ...]:
        """A page of endpoints in the order in which they were made, after the id `after`."""
        async with self._db.transaction() as tx:
            return tuple(Endpoint.of(row) for row in await store.list_after(tx, after=after, limit=limit))

    async def update(
        self,
        endpoint_id: UUID,
        change: EndpointChange,
        *,
        actor: Actor,
        origin: Origin,
        unchanged: Unchanged = any_version,
    ) -> Endpoint:
        """Change an endpoint. Raises WebhookNotFound, InvalidWebhook, and what `unchanged` raises."""
        await self._check(change)
        now = self._clock.now()
        async with self._db.transaction() as tx:
            endpoint = await store.get(tx, endpoint_id, lock=True)
            unchanged(endpoint)
            values = _differing(endpoint, change.values())
            if not values:
                return endpoint
            changed = Endpoint.of(await store.change(tx, endpoint_id, values | {"updated_at": now}))
            event = WebhookUpdated(
                actor=actor,
                origin=origin,
                webhook_id=str(endpoint_id),
                host=changed.host,
                changed=sorted(values),
            )
            await self._audit.record(tx, event)
        return changed

    async def delete(
        self, endpoint_id: UUID, *, actor: Actor, origin: Origin, unchanged: Unchanged = any_version
    ) -> None:
        """Tell an endpoint no more, and forget its secrets. Raises WebhookNotFound, and what `unchanged` raises."""
        now = self._clock.now()
        async with self._db.transaction() as tx:
            endpoint = await store.get(tx, endpoint_id, lock=True)
            unchanged(endpoint)
            await store.change(tx, endpoint_id, {"deleted_at": now, "updated_at": now})
            await store.remove_secrets(tx, endpoint_id)
            event = WebhookDeleted(actor=actor, origin=origin, webhook_id=str(endpoint_id), host=endpoint.host)
            await self._audit.record(tx, event)

    async def rotate_secret(
        self, endpoint_id: UUID, *, overlap: timedelta = DEFAULT_OVERLAP, actor: Actor, origin: Origin
    ) -> NewSecret:
        """Give an endpoint another secret; those that it has sign too for `overlap` more. Raises WebhookNotFound."""
        now = self._clock.now()
        async with self._db.transaction() as tx:
            await store.get(tx, endpoint_id, lock=True)
            await store.expire_secrets(tx, endpoint_id, at=now + overlap, now=now)
            raw_secret = await self._secrets.add(tx, endpoint_id, now=now)
            endpoint = Endpoint.of(await store.change(tx, endpoint_id, {"updated_at": now}))
            event = WebhookSecretRotated(
                actor=actor,
                origin=origin,
                webhook_id=str(endpoint_id),
                host=endpoint.host,
                overlap_seconds=int(overlap.total_seconds()),
            )
            await self._audit.record(tx, event)
        return NewSecret(endpoint=endpoint, raw_secret=raw_secret)

    async def resume(self, endpoint_id: UUID, *, actor: Actor, origin: Origin) -> Endpoint:
        """Send to a paused endpoint again, at once. Idempotent. Raises WebhookNotFound."""
        now = self._clock.now()
        async with self._db.transaction() as tx:
            endpoint = await store.get(tx, endpoint_id, lock=True)
            if endpoint.paused_at is None:
                return endpoint
            healthy = {"paused_at": None, "paused_reason": None, "failures": 0, "failing_since": None}
            values = healthy | {"held_until": None, "updated_at": now}
            endpoint = Endpoint.of(await store.change(tx, endpoint_id, values))
            await queue.hasten(tx, endpoint_id, now=now)
            event = WebhookResumed(actor=actor, origin=origin, webhook_id=str(endpoint_id), host=endpoint.host)
            await self._audit.record(tx, event)
        return endpoint

    async def _check(self, change: EndpointChange) -> None:
        """Refuse what breaks a rule. Looks the host up, and so stays outside every transaction."""
        faults = []
        if change.event_types is not None:
            unknown = rules.unknown_types(change.event_types)
            if not change.event_types or len(change.event_types) > rules.MAX_TYPES:
                faults.append(("/event_types", f"Name 1 to {rules.MAX_TYPES} types, or * for all."))
            elif unknown:
                faults.append(("/event_types", f"The types are: {', '.join(rules.DETAILS)}, or * for all."))
        if change.description is not None and not _is_text(change.description):
            faults.append(("/description", f"One line of at most {rules.MAX_DESCRIPTION_CHARACTERS} characters."))
        if change.url is not None:
            try:
                await self._egress.check(change.url)
            except TargetRefused as refused:
                faults.append(("/url", f"This cannot be called: {refused}."))
        if faults:
            raise InvalidWebhook(" ".join(words for _, words in faults), faults=faults)


def _differing(endpoint: Endpoint, values: Mapping[str, Any]) -> dict[str, Any]:
    present: dict[str, Any] = {name: getattr(endpoint, name) for name in values}
    return {
        name: value
        for name, value in values.items()
        if (list(present[name]) if name == "event_types" else present[name]) != value
    }


def _is_text(text: str) -> bool:
    return len(text) <= rules.MAX_DESCRIPTION_CHARACTERS and text.isprintable()
