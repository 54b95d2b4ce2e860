"""What an attempt means for its delivery, for the lane behind it, and for the endpoint."""

import logging
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row

from app.audit.event import SYSTEM
from app.audit.service import AuditLog
from app.foundation.backoff import delay_after
from app.foundation.clock import Clock, rfc3339
from app.foundation.db import Database, Transaction
from app.foundation.ids import new_id
from app.foundation.metrics import Counter
from app.foundation.origin import Origin
from app.foundation.tracing import new_trace_id
from app.webhooks import queue
from app.webhooks.attempt import Attempt, Sending
from app.webhooks.endpoint import Endpoint
from app.webhooks.events import WebhookPaused

# One failure among successes is the event's own; so many in a row are the endpoint's, and once it is back nothing
# need wait for its own time.
OUTAGE_FAILURES = 5

_ATTEMPTS = Counter(
    "webhook_attempts", "Attempts to deliver to webhooks.", unit="attempts", result=("delivered", "postponed", "dead")
)

_logger = logging.getLogger(__name__)


class Settlement:
    """Writes the end of attempts down."""

    def __init__(self, db: Database, clock: Clock, audit: AuditLog, *, pause_after: timedelta) -> None:
        self._db = db
        self._clock = clock
        self._audit = audit
        self._pause_after = pause_after

    async def settle(self, sending: Sending, attempt: Attempt) -> None:
        """Note an attempt and what follows from it, all or nothing. Raises DatabaseUnavailable.

        Until it has committed the delivery counts as in hand, and after that time it is sent again.
        """
        now = self._clock.now()
        async with self._db.transaction() as tx:
            row = await queue.hold_endpoint(tx, sending.endpoint_id)
            if row is None:
                return
            await queue.add_attempt(tx, _row_of(sending, attempt))
            if attempt.is_delivered:
                result = "delivered"
                await self._end(tx, sending, "delivered", now)
                if row.failures and not sending.is_test:
                    await self._recover(tx, row, now)
            else:
                result = await self._fail(tx, row, sending, attempt, now)
        _ATTEMPTS.add(result)
        fields = {"webhook_id": str(sending.endpoint_id), "delivery_id": str(sending.id), "attempts": sending.attempts}
        if attempt.is_delivered:
            _logger.info("webhook delivered", extra=fields)
        else:
            _logger.warning("webhook %s: %s", result, attempt.failure, extra=fields)

    async def _end(self, tx: Transaction, sending: Sending, state: str, now: datetime) -> None:
        if await queue.end(tx, sending.id, attempts=sending.attempts, state=state, now=now):
            await queue.promote(tx, sending.endpoint_id, sending.lane, now=now)

    async def _recover(self, tx: Transaction, row: Row[Any], now: datetime) -> None:
        await queue.note_success(tx, row.id)
        if row.failures >= OUTAGE_FAILURES:
            await queue.hasten(tx, row.id, now=now)

    async def _fail(self, tx: Transaction, row: Row[Any], sending: Sending, attempt: Attempt, now: datetime) -> str:
        held_until = None if attempt.wait is None else now + attempt.wait
        if sending.is_test or now >= sending.expires_at:
            await self._end(tx, sending, "dead", now)
            result = "dead"
        else:
            # The last try is made when the time is over, not an hour before.
            due = min(now + delay_after(sending.attempts), sending.expires_at)
            await queue.postpone(tx, sending.id, attempts=sending.attempts, due=due)
            result = "postponed"
        if not sending.is_test:
            await queue.note_failure(tx, row.id, now=now, held_until=held_until)
            await self._pause_if_dead(tx, row, attempt, now)
        return result

    async def _pause_if_dead(self, tx: Transaction, row: Row[Any], attempt: Attempt, now: datetime) -> None:
        since = row.failing_since or now
        fails_long = now - since >= self._pause_after and row.failures + 1 >= OUTAGE_FAILURES
        if row.paused_at is not None or row.deleted_at is not None or not (fails_long or attempt.is_gone):
            return
        reason = "gone" if attempt.is_gone else "failing"
        await queue.pause(tx, row.id, reason=reason, now=now)
        event = WebhookPaused(
            actor=SYSTEM,
            origin=Origin(ip=None, user_agent=None, trace_id=new_trace_id()),
            webhook_id=str(row.id),
            host=Endpoint.of(row).host,
            reason=reason,
            failing_since=rfc3339(since),
            failures=row.failures + 1,
        )
        await self._audit.record(tx, event)


def _row_of(sending: Sending, attempt: Attempt) -> dict[str, object]:
    return {
        "id": new_id(attempt.at),
        "delivery_id": sending.id,
        "url": sending.url,
        "at": attempt.at,
        "duration_ms": attempt.duration_ms,
        "status": attempt.status,
        "failure": attempt.failure,
        "detail": attempt.detail,
        "answer": attempt.answer,
    }
