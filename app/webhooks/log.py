"""The log of deliveries: what was sent, what was answered, and sending it again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text

from app.audit.event import Actor
from app.audit.service import AuditLog
from app.foundation.clock import Clock
from app.foundation.db import Database, Transaction
from app.foundation.ids import new_id
from app.foundation.origin import Origin
from app.webhooks import queue, rules, store
from app.webhooks.attempt import Attempt, Sender, Sending
from app.webhooks.endpoint import Endpoint
from app.webhooks.errors import DeliveryNotFound, DeliveryUnderWay
from app.webhooks.events import WebhookReplayed
from app.webhooks.models import WebhookAttempt, WebhookDelivery
from app.webhooks.secrets import EndpointSecrets
from app.webhooks.settle import Settlement

MOST_ATTEMPTS_SHOWN = 50
ENDED = ("delivered", "dead")
_BATCH = 500
_DELIVERIES = WebhookDelivery.__table__

_AGAIN = text(
    """
    UPDATE webhook_deliveries SET state = 'queued', attempts = 0, ended_at = NULL, due_at = :now, expires_at = :expires
    WHERE id = :id AND state IN ('delivered', 'dead') RETURNING object
    """
)
_AGAIN_DEAD = text(
    """
    UPDATE webhook_deliveries SET state = 'queued', attempts = 0, ended_at = NULL, due_at = :now, expires_at = :expires
    WHERE id IN (
      SELECT id FROM webhook_deliveries WHERE endpoint_id = :endpoint_id AND state = 'dead' AND created_at >= :since
        AND event_type <> :test ORDER BY created_at LIMIT :most)
    RETURNING object
    """
)
_TEST = text(
    """
    INSERT INTO webhook_deliveries
      (id, endpoint_id, event_id, event_type, object, body, state, attempts, due_at, created_at, expires_at)
    VALUES (:id, :endpoint_id, :event_id, :event_type, :object, :body, 'sending', 1, :due, :now, :now)
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedDelivery:
    """A delivery and its latest attempts, the newest first."""

    delivery: Row[Any]
    attempts: Sequence[Row[Any]]


@dataclass(frozen=True, slots=True)
class By:
    """Who has something sent again."""

    actor: Actor
    origin: Origin


class DeliveryLog:
    """Reads the log, and sends again. Every method is a whole use case."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        *,
        audit: AuditLog,
        secrets: EndpointSecrets,
        sender: Sender,
        settlement: Settlement,
        retry: timedelta,
    ) -> None:
        self._db = db
        self._clock = clock
        self._audit = audit
        self._secrets = secrets
        self._sender = sender
        self._settlement = settlement
        self._retry = retry

    async def list(
        self, endpoint_id: UUID, *, limit: int, before: UUID | None = None, state: str | None = None
    ) -> Sequence[Row[Any]]:
        """A page of an endpoint's deliveries, the newest first, before the id `before`. Raises WebhookNotFound."""
        statement = select(_DELIVERIES).where(WebhookDelivery.endpoint_id == endpoint_id)
        if before is not None:
            statement = statement.where(WebhookDelivery.id < before)
        if state is not None:
            statement = statement.where(WebhookDelivery.state == state)
        async with self._db.transaction() as tx:
            await store.get(tx, endpoint_id)
            return (await tx.execute(statement.order_by(WebhookDelivery.id.desc()).limit(limit))).all()

    async def get(self, endpoint_id: UUID, delivery_id: UUID) -> LoggedDelivery:
        """A delivery with its attempts. Raises WebhookNotFound, DeliveryNotFound."""
        async with self._db.transaction() as tx:
            await store.get(tx, endpoint_id)
            return await _logged(tx, endpoint_id, delivery_id)

    async def test(self, endpoint_id: UUID) -> LoggedDelivery:
        """Send a test event now, once, and wait for what comes of it. Raises WebhookNotFound.

        A paused or disabled endpoint is sent it too, and stays as it is.
        """
        now = self._clock.now()
        event_id, delivery_id = new_id(now), new_id(now)
        body = rules.body_of(event_id, rules.TEST_TYPE, now, None, {})
        async with self._db.transaction() as tx:
            endpoint = await store.get(tx, endpoint_id)
            values = {
                "id": delivery_id,
                "endpoint_id": endpoint_id,
                "event_id": event_id,
                "event_type": rules.TEST_TYPE,
                "object": str(event_id),
                "body": body,
                "due": now + timedelta(seconds=3 * self._sender.timeout_seconds),
                "now": now,
            }
            await tx.execute(_TEST, values)
            keys = await self._secrets.keys(tx, [endpoint_id], now=now)
        sending = Sending(
            id=delivery_id,
            endpoint_id=endpoint_id,
            event_id=event_id,
            event_type=rules.TEST_TYPE,
            lane=str(event_id),
            body=body,
            attempts=1,
            expires_at=now,
            url=endpoint.url,
            suspect=False,
        )
        attempt: Attempt = await self._sender.send(sending, keys[endpoint_id])
        await self._settlement.settle(sending, attempt)
        return await self.get(endpoint_id, delivery_id)

    async def replay(self, endpoint_id: UUID, delivery_id: UUID, *, actor: Actor, origin: Origin) -> LoggedDelivery:
        """Send a delivery that has ended again, with the same id and body.

        Raises WebhookNotFound, DeliveryNotFound, DeliveryUnderWay.
        """
        now = self._clock.now()
        async with self._db.transaction() as tx:
            endpoint = await store.get(tx, endpoint_id, lock=True)
            await _logged(tx, endpoint_id, delivery_id)
            values = {"id": delivery_id, "now": now, "expires": now + self._retry}
            lane = await tx.scalar(_AGAIN, values)
            if lane is None:
                raise DeliveryUnderWay
            await queue.promote(tx, endpoint_id, lane, now=now)
            await self._record(tx, endpoint, By(actor, origin), of=delivery_id, deliveries=1)
            return await _logged(tx, endpoint_id, delivery_id)

    async def replay_failed(self, endpoint_id: UUID, *, since: datetime, actor: Actor, origin: Origin) -> int:
        """Send all that failed since then again, in their order, batch by batch; return how many.

        Raises WebhookNotFound.
        """
        total = 0
        while True:
            now = self._clock.now()
            async with self._db.transaction() as tx:
                endpoint = await store.get(tx, endpoint_id, lock=True)
                values = {
                    "endpoint_id": endpoint_id,
                    "since": since,
                    "now": now,
                    "expires": now + self._retry,
                    "test": rules.TEST_TYPE,
                    "most": _BATCH,
                }
                lanes = (await tx.scalars(_AGAIN_DEAD, values)).all()
                for lane in sorted(set(lanes)):
                    await queue.promote(tx, endpoint_id, lane, now=now)
                total += len(lanes)
                if len(lanes) < _BATCH:
                    await self._record(tx, endpoint, By(actor, origin), of=None, deliveries=total)
                    return total

    async def _record(self, tx: Transaction, endpoint: Endpoint, by: By, *, of: UUID | None, deliveries: int) -> None:
        event = WebhookReplayed(
            actor=by.actor,
            origin=by.origin,
            webhook_id=str(endpoint.id),
            host=endpoint.host,
            deliveries=deliveries,
            delivery_id=None if of is None else str(of),
        )
        await self._audit.record(tx, event)


async def _logged(tx: Transaction, endpoint_id: UUID, delivery_id: UUID) -> LoggedDelivery:
    statement = select(_DELIVERIES).where(WebhookDelivery.id == delivery_id, WebhookDelivery.endpoint_id == endpoint_id)
    delivery = (await tx.execute(statement)).first()
    if delivery is None:
        raise DeliveryNotFound
    attempts = select(WebhookAttempt.__table__).where(WebhookAttempt.delivery_id == delivery_id)
    rows = (await tx.execute(attempts.order_by(WebhookAttempt.id.desc()).limit(MOST_ATTEMPTS_SHOWN))).all()
    return LoggedDelivery(delivery=delivery, attempts=rows)
