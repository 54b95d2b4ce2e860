"""The worker's side: claim what is due, sign a token, send it, settle it. Spec: OpenID Connect Back-Channel Logout 1.0.

A receiver may hang for its whole time; it takes a few places and none of anybody else's. No sign-out waits for it.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from sqlalchemy import Row

from app.audit.event import SYSTEM
from app.audit.service import AuditLog
from app.foundation.backoff import delay_after
from app.foundation.clock import Clock
from app.foundation.db import Database, DatabaseUnavailable
from app.foundation.dispatch import Dispatch
from app.foundation.http.outbound import CallFailed, Outbound
from app.foundation.origin import Origin
from app.foundation.secrets import random_id
from app.foundation.tracing import new_trace_id
from app.logout import queue
from app.logout.events import LogoutUndelivered
from app.protocols.jose.algorithms import Algorithm
from app.protocols.oidc.logout import LOGOUT_TOKEN_TYPE, logout_token_claims
from app.signing_keys.service import SigningKeys

POLL_SECONDS = 0.3
TIMEOUT_SECONDS = 5.0
MAX_ANSWER_BYTES = 65_536
PLACES = 200
# Of one client's, over all workers.
CONCURRENCY = 8
_BATCH = 50
_MARGIN = timedelta(seconds=10)

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A notice in hand. `attempts` counts this one too; without a `uri` there is nobody to tell any more."""

    id: UUID
    client_id: str
    sid: str
    sub: str
    attempts: int
    expires_at: datetime
    uri: str | None
    algorithm: Algorithm

    @classmethod
    def of(cls, row: Row[Any]) -> "Notice":
        """The notice in a row that was claimed."""
        names = [name for name in cls.__slots__ if name != "algorithm"]
        return cls(
            algorithm=Algorithm(row.algorithm or Algorithm.RS256), **{name: getattr(row, name) for name in names}
        )


class LogoutDelivery:
    """Sends what is due. `run` it; cancel it to end it."""

    def __init__(
        self, db: Database, clock: Clock, *, audit: AuditLog, keys: SigningKeys, outbound: Outbound, issuer: str
    ) -> None:
        self._db = db
        self._clock = clock
        self._audit = audit
        self._keys = keys
        self._outbound = outbound
        self._issuer = issuer
        self._lease = timedelta(seconds=TIMEOUT_SECONDS) + _MARGIN
        self._dispatch = Dispatch[None](
            one="a notice of a sign-out",
            all_of_them="notices of sign-outs",
            poll_seconds=POLL_SECONDS,
            lease=self._lease,
        )

    async def run(self) -> None:
        """Work until cancelled; what is in hand is finished first. While the database is away it is waited for."""
        await self._dispatch.run(self._take)

    async def _take(self) -> int:
        places = PLACES - len(self._dispatch.in_hand)
        if places <= 0:
            return 0
        now = self._clock.now()
        async with self._db.transaction() as tx:
            rows = await queue.claim(
                tx, now=now, lease=now + self._lease, concurrency=CONCURRENCY, most=min(places, _BATCH)
            )
            notices = [Notice.of(row) for row in rows]
        if notices:
            # A worker follows no feed of keys, and a token by a key that was withdrawn would be refused.
            await self._keys.refresh()
            for algorithm in {notice.algorithm for notice in notices}:
                await self._keys.ensure(algorithm)
        for notice in notices:
            self._dispatch.start(None, self._deliver(notice))
        return len(notices)

    async def _deliver(self, notice: Notice) -> None:
        status, failure = await self._send(notice)
        try:
            await self._settle(notice, status, failure)
        except DatabaseUnavailable:
            _logger.warning("a client's answer was not noted; it is told again", extra={"client_id": notice.client_id})

    async def _send(self, notice: Notice) -> tuple[int | None, str | None]:
        """Tell a client once; the second is None if and only if it took the notice."""
        if notice.uri is None:
            return None, "gone"
        now = int(self._clock.now().timestamp())
        claims = logout_token_claims(
            issuer=self._issuer,
            client_id=notice.client_id,
            sub=notice.sub,
            sid=notice.sid,
            # Another one each time: a receiver that lost its own answer must not take the next try for a replay.
            jti=random_id(),
            now=now,
        )
        token = self._keys.sign(claims, algorithm=notice.algorithm, typ=LOGOUT_TOKEN_TYPE)
        try:
            answer = await self._outbound.send(
                "POST",
                notice.uri,
                purpose="logout",
                max_bytes=MAX_ANSWER_BYTES,
                content=urlencode({"logout_token": token}).encode(),
                headers={"Content-Type": "application/x-www-form-urlencoded", "Cache-Control": "no-store"},
                total_seconds=TIMEOUT_SECONDS,
            )
        except CallFailed as failed:
            return failed.status, failed.failure.value
        return answer.status, None if 200 <= answer.status < 300 else "status"

    async def _settle(self, notice: Notice, status: int | None, failure: str | None) -> None:
        now = self._clock.now()
        due = now + delay_after(notice.attempts)
        state = "delivered"
        if failure is not None:
            state = "dead" if notice.uri is None or due > notice.expires_at else "pending"
        async with self._db.transaction() as tx:
            settled = await queue.settle(
                tx,
                notice.id,
                attempts=notice.attempts,
                state=state,
                due=due,
                ended=None if state == "pending" else now,
                status=status,
                failure=failure,
            )
            if settled and state == "dead" and notice.uri is not None:
                event = LogoutUndelivered(
                    actor=SYSTEM,
                    origin=Origin(ip=None, user_agent=None, trace_id=new_trace_id()),
                    subject=notice.sub,
                    client_id=notice.client_id,
                    sid=notice.sid,
                    attempts=notice.attempts,
                    reason=failure or "",
                )
                await self._audit.record(tx, event)
