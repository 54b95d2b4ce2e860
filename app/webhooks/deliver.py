"""The worker's side: claim what is due, send it, settle it, any number at a time and none in another's way.

Not by jobs of the queue: those share a few places, which receivers that hang would fill for everything else.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta
from time import monotonic
from typing import NamedTuple
from uuid import UUID

from app.foundation.clock import Clock
from app.foundation.db import Database, DatabaseUnavailable, Transaction
from app.foundation.dispatch import Dispatch
from app.foundation.encryption import DecryptionFailed
from app.webhooks import queue
from app.webhooks.attempt import Attempt, Sender, Sending
from app.webhooks.queue import Room
from app.webhooks.secrets import EndpointSecrets
from app.webhooks.settle import Settlement

POLL_SECONDS = 0.2
# A receiver that answers well does so within this time, and there are always places for such ones. Whoever does not,
# waits in one of the others: a socket and a few kilobytes each.
PATIENCE = timedelta(seconds=0.5)
PROMPT_PLACES = 400
SUSPECT_PLACES = 1200
# What was claimed together is claimed again together no faster than this.
_GAP_SECONDS = 0.02
_BATCH = 100
# So many attempts are written down at once, so that the next claim always finds a connection. What was taken does not
# wait behind what was not: a thousand receivers that hang run out of time at one moment.
_SETTLED_AT_ONCE = 3
# Whose answers are remembered, so that they are not behind a thousand of whom nobody knows yet that they hang.
_REMEMBERED = 1000
# After the time for an answer: for connecting, settling, and a database that is slow.
_MARGIN = timedelta(seconds=10)

_logger = logging.getLogger(__name__)


class _InHand(NamedTuple):
    """A delivery that is being sent: whether its endpoint was suspect, and since when (monotonic)."""

    suspect: bool
    since: float


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
        self._settling = {is_delivered: asyncio.Semaphore(_SETTLED_AT_ONCE) for is_delivered in (True, False)}
        self._answered: dict[UUID, None] = {}
        self._dispatch = Dispatch[_InHand](
            one="a webhook",
            all_of_them="webhooks",
            poll_seconds=POLL_SECONDS,
            lease=self._lease,
            gap_seconds=_GAP_SECONDS,
        )

    async def run(self) -> None:
        """Work until cancelled; what is in hand is finished first. While the database is away it is waited for."""
        await self._dispatch.run(self._take)

    async def _take(self) -> int:
        """Take in hand what is due and there is a place for; return how many that were."""
        room = self._room()
        if not room.most:
            return 0
        now = self._clock.now()
        async with self._db.transaction() as tx:
            rows = await queue.claim(tx, room, now=now, lease=now + self._lease, patience=PATIENCE)
            # The database returns them in any order, and each costs a millisecond before the next one begins.
            claimed = sorted(map(Sending.of, rows), key=lambda sending: sending.endpoint_id not in self._answered)
            keys = await self._keys(tx, claimed) if claimed else {}
        for sending in claimed:
            held = _InHand(sending.suspect, monotonic())
            self._dispatch.start(held, self._deliver(sending, keys.get(sending.endpoint_id)))
        return len(claimed)

    def _room(self) -> Room:
        """The places that are free. All of those who let us wait together never fill those of the others."""
        in_hand, longest = self._dispatch.in_hand, monotonic() - PATIENCE.total_seconds()
        waiting = sum(each.suspect or each.since < longest for each in in_hand)
        prompt = PROMPT_PLACES - (len(in_hand) - waiting) - max(0, waiting - SUSPECT_PLACES)
        prompt, suspects = (min(max(0, free), _BATCH) for free in (prompt, SUSPECT_PLACES - waiting))
        return Room(
            most=min(prompt + suspects, _BATCH),
            prompt=prompt,
            suspects=suspects,
            concurrency=self._concurrency,
            prompt_ones=tuple(self._answered),
        )

    def _remember(self, endpoint_id: UUID, attempt: Attempt) -> None:
        """Who took an event in time is among those who answered last; whoever did not is no more."""
        self._answered.pop(endpoint_id, None)
        if attempt.is_delivered and attempt.duration_ms < PATIENCE / timedelta(milliseconds=1):
            self._answered[endpoint_id] = None
            if len(self._answered) > _REMEMBERED:
                del self._answered[next(iter(self._answered))]

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
        self._remember(sending.endpoint_id, attempt)
        try:
            async with self._settling[attempt.is_delivered]:
                await self._settlement.settle(sending, attempt)
        except DatabaseUnavailable:
            _logger.warning(
                "a webhook's answer was not noted; it is sent again", extra={"delivery_id": str(sending.id)}
            )


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
