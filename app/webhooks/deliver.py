"""The worker's side: claim what is due, send it, settle it, any number at a time and none in another's way.

Not by jobs of the queue: those share a few places, which receivers that hang would fill for everything else.
"""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from app.foundation.clock import Clock
from app.foundation.db import Database, DatabaseUnavailable, Transaction
from app.foundation.encryption import DecryptionFailed
from app.webhooks import queue
from app.webhooks.attempt import Attempt, Sender, Sending
from app.webhooks.secrets import EndpointSecrets
from app.webhooks.settle import Settlement

POLL_SECONDS = 0.2
# A waiting request is a socket and a few kilobytes. Half the places are for endpoints that have not failed.
PLACES = 600
SUSPECT_PLACES = PLACES // 2
# What was claimed together is claimed again together no faster than this.
_GAP_SECONDS = 0.02
_BATCH = 100
# After the time for an answer: for connecting, settling, and a database that is slow.
_MARGIN = timedelta(seconds=10)
_AWAY_SECONDS = 1.0

_logger = logging.getLogger(__name__)


class Delivery:
    """Sends what is due. `run` it; cancel it to end it. Of any number of workers one claims at a time."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        *,
        sender: Sender,
        settlement: Settlement,
        secrets: EndpointSecrets,
        concurrency: int,
    ) -> None:
        self._db = db
        self._clock = clock
        self._sender = sender
        self._settlement = settlement
        self._secrets = secrets
        self._concurrency = concurrency
        self._lease = timedelta(seconds=sender.timeout_seconds) + _MARGIN
        self._in_hand: dict[asyncio.Task[None], Sending] = {}
        self._woken = asyncio.Event()

    async def run(self) -> None:
        """Work until cancelled; what is in hand is finished first. While the database is away it is waited for."""
        try:
            while True:
                self._woken.clear()
                try:
                    taken = await self._take()
                except DatabaseUnavailable:
                    _logger.warning("webhooks wait for the database")
                    await asyncio.sleep(_AWAY_SECONDS)
                    continue
                await asyncio.sleep(_GAP_SECONDS)
                if not taken:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(POLL_SECONDS):
                            await self._woken.wait()
        finally:
            if self._in_hand:
                await asyncio.wait(self._in_hand, timeout=self._lease.total_seconds())

    async def _take(self) -> int:
        """Take in hand what is due and there is a place for; return how many that were."""
        places = PLACES - len(self._in_hand)
        if places <= 0:
            return 0
        suspects = SUSPECT_PLACES - sum(each.suspect for each in self._in_hand.values())
        now = self._clock.now()
        async with self._db.transaction() as tx:
            rows = await queue.claim(
                tx,
                now=now,
                lease=now + self._lease,
                concurrency=self._concurrency,
                most=min(places, _BATCH),
                suspects=max(0, min(suspects, _BATCH)),
            )
            claimed = [Sending.of(row) for row in rows]
            keys = await self._keys(tx, claimed) if claimed else {}
        for sending in claimed:
            task = asyncio.create_task(self._deliver(sending, keys.get(sending.endpoint_id)))
            self._in_hand[task] = sending
            task.add_done_callback(self._put_down)
        return len(claimed)

    async def _keys(self, tx: Transaction, claimed: Sequence[Sending]) -> dict[UUID, list[bytes]]:
        keys: dict[UUID, list[bytes]] = {}
        for endpoint_id in {sending.endpoint_id for sending in claimed}:
            try:
                keys |= await self._secrets.keys(tx, [endpoint_id], now=self._clock.now())
            except DecryptionFailed:
                _logger.exception("the secrets of webhook %s cannot be read", endpoint_id)
        return keys

    async def _deliver(self, sending: Sending, keys: list[bytes] | None) -> None:
        if keys:
            attempt = await self._sender.send(sending, keys)
        else:
            attempt = _unsigned(self._clock)
        try:
            await self._settlement.settle(sending, attempt)
        except DatabaseUnavailable:
            _logger.warning(
                "a webhook's answer was not noted; it is sent again", extra={"delivery_id": str(sending.id)}
            )

    def _put_down(self, task: asyncio.Task[None]) -> None:
        self._in_hand.pop(task, None)
        self._woken.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            _logger.error("a webhook could not be handled; it is sent again", exc_info=error)


def _unsigned(clock: Clock) -> Attempt:
    """Nothing is ever sent without a signature."""
    return Attempt(
        at=clock.now(),
        duration_ms=0,
        status=None,
        failure="secret",
        detail="the secrets of this webhook cannot be read; rotate them, or bring back the key in ENCRYPTION__KEYS",
        answer=None,
    )
