"""Following: what others revoked, applied in this process in the order of its numbers."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from app.foundation.metrics import Counter, Histogram
from app.revocation.kinds import RevocationKind
from app.revocation.publish import Position

BATCH = 1000
# Twenty looks that came to nothing.
STALE_SECONDS = 2.0

_READ = """
    SELECT seq, kind, target, audience, at, expires_at, created_at FROM revocations
    WHERE seq > $1 ORDER BY seq LIMIT $2
    """

_APPLIED = Counter("revocations_applied", "Revocations that a process has heard of.", unit="revocations")
_GAPS = Counter("revocation_gaps", "Times when a process had missed numbers and forgot what it knew.", unit="gaps")
_DELAY = Histogram("revocation_apply_seconds", "From the act of revoking until a process knew of it.")
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    """A revocation as followers see it. See `models.Revocation`."""

    seq: int
    kind: RevocationKind
    target: str
    audience: str | None
    at: datetime
    expires_at: datetime


class Follower:
    """What this process has heard of, and whom in it that concerns.

    Who keeps something in memory that may be revoked listens, and reads `position` before it reads the database: what
    was read is kept only if the position is still the same afterwards.
    """

    def __init__(self) -> None:
        self._listeners: dict[RevocationKind, list[Callable[[Revoked], None]]] = {}
        self._forgetters: list[Callable[[], None]] = []
        self._epoch: UUID | None = None
        self._heard_at: float | None = None
        self.position = 0
        self.as_of: datetime | None = None

    def listen(
        self, kind: RevocationKind, callback: Callable[[Revoked], None], *, forget: Callable[[], None] | None = None
    ) -> None:
        """Let `callback` hear of each revocation of a kind, in order.

        `forget` is called where some may have been missed: at the start, after a gap, when numbers begin anew.
        Whatever is kept may be stale then. Neither awaits anything, and neither raises.
        """
        self._listeners.setdefault(kind, []).append(callback)
        if forget is not None:
            self._forgetters.append(forget)

    @property
    def epoch(self) -> UUID | None:
        """Which counting `position` belongs to; None before the first reading."""
        return self._epoch

    @property
    def age_seconds(self) -> float | None:
        """How long ago this process last knew all there was to know; None before the first time."""
        return None if self._heard_at is None else time.monotonic() - self._heard_at

    async def read(self, connection: "asyncpg.Connection", feed: Position) -> None:
        """Apply what is new up to where the feed was seen to stand."""
        asked_at = time.monotonic()
        if feed.epoch != self._epoch or feed.last_seq < self.position:
            self._forget(feed)
        while self.position < feed.last_seq:
            rows = await connection.fetch(_READ, self.position, BATCH)
            if not rows or rows[0]["seq"] != self.position + 1 or rows[-1]["seq"] - self.position != len(rows):
                # Rows are removed once they can match nothing: who finds a hole was away for long.
                _logger.warning("revocations after number %d are gone; forgetting what was remembered", self.position)
                self._forget(feed)
                break
            for row in rows:
                self._apply(row, feed.as_of)
        self.as_of, self._heard_at = feed.as_of, asked_at

    def _apply(self, row: asyncpg.Record, as_of: datetime) -> None:
        kind = RevocationKind(row["kind"])
        revoked = Revoked(
            seq=row["seq"],
            kind=kind,
            target=row["target"],
            audience=row["audience"],
            at=row["at"],
            expires_at=row["expires_at"],
        )
        for callback in self._listeners.get(kind, ()):
            callback(revoked)
        self.position = revoked.seq
        _APPLIED.add()
        _DELAY.observe(max(0.0, (as_of - row["created_at"]).total_seconds()))

    def _forget(self, feed: Position) -> None:
        if self._epoch is not None:
            _GAPS.add()
        for forget in self._forgetters:
            forget()
        self._epoch, self.position = feed.epoch, feed.last_seq
