"""What a process knows of one feed: the set, how far it goes, and how new it is. Batches change it, guards read it."""

import itertools
import logging
import math
from dataclasses import dataclass

from auth_service_sdk.batches import Batch, BatchRefused
from auth_service_sdk.feed_clock import WARN_SKEW_SECONDS, ClockOff, FeedClock
from auth_service_sdk.revocations import KEY_KIND, RevocationSet

REPLAY_SECONDS = 2.0
"""A snapshot that is older than what is known by more than this is a replay; by less, another process's."""

_log = logging.getLogger("auth_service_sdk")
# Of all feeds of the process together, so that a number seen at one of them means nothing at another.
_versions = itertools.count(1)


class Gap(Exception):  # a state of the feed, answered by a snapshot
    """Something was missed, or may not be built upon: only a snapshot helps. The message says why."""


@dataclass(frozen=True, slots=True)
class _Partial:
    """A snapshot of which some parts are still to come."""

    first: Batch
    revoked: RevocationSet
    part: int
    held: int


class FeedState:
    """One feed as far as it is known.

    `version` is another number after each change of the set. `known_at` is the moment, in monotonic time, up to which
    everything is known; minus infinity before the first snapshot.
    """

    def __init__(self) -> None:
        self.version = next(_versions)
        self.known_at = -math.inf
        self.revoked: RevocationSet | None = None
        self.audience: str | None = None
        self.clock = FeedClock()
        self.clock_off: str | None = None
        self.epoch = ""
        self.position = 0
        self.as_of = 0.0
        self._partial: _Partial | None = None
        self._warned = False

    def take(self, batch: Batch, *, now: float, wall: float) -> bool:
        """Build a batch in; False for a part of a snapshot that is not whole yet.

        Raises Gap where a snapshot is needed, BatchRefused and ClockOff for what may not be believed.
        """
        if self.revoked is not None and self.revoked.names_key(batch.kid):
            raise BatchRefused("the batch is signed by a revoked key")
        try:
            known_at = self.clock.note(batch.as_of, now=now, wall=wall)
        except ClockOff as error:
            self.clock_off = str(error)
            raise
        self.clock_off = None
        self._warn_of_skew()
        if batch.parts:
            return self._take_part(batch, known_at, now=now, wall=wall)
        self._take_change(batch, known_at, now=now, wall=wall)
        return True

    def begin_again(self) -> None:
        """A new connection: parts of a snapshot that came by the old one lead to nothing."""
        self._partial = None

    def doubt(self) -> None:
        """Let the next snapshot be taken, whatever position it has: what led to this one may have been forged."""
        self.position, self.as_of = 0, 0.0

    def _take_change(self, batch: Batch, known_at: float, *, now: float, wall: float) -> None:
        revoked = self.revoked
        if revoked is None:
            raise Gap("the feed did not begin with a snapshot")
        if batch.audience != self.audience:
            # Numbers are shared by all audiences, entries are not: it would hide what it does not speak of.
            raise BatchRefused("the batch is for another audience than the snapshot")
        if batch.epoch != self.epoch:
            raise Gap("the service counts anew")
        if batch.start > self.position:
            raise Gap(f"what came between {self.position} and {batch.start} is missing")
        fresh_keys = [e.id for e in batch.entries if e.kind == KEY_KIND and not revoked.names_key(e.id)]
        if batch.entries:
            version = next(_versions)
            revoked.add(batch.entries, version=version, now=self.clock.service_time(now, wall))
            self.version = version
        if batch.end >= self.position:
            # One that ends earlier is older news than ours, however young it says it is.
            self.position, self.as_of = batch.end, max(self.as_of, batch.as_of)
            self.known_at = max(self.known_at, known_at)
        if fresh_keys:
            self.doubt()
            raise Gap("a signing key was revoked: what it signed is not built upon")

    def _take_part(self, batch: Batch, known_at: float, *, now: float, wall: float) -> bool:
        partial = self._partial
        if batch.part == 1:
            same_epoch = batch.epoch == self.epoch
            if batch.as_of < self.as_of - REPLAY_SECONDS or (same_epoch and batch.end < self.position):
                raise BatchRefused("the snapshot is older than what is known")
            partial = _Partial(batch, RevocationSet(), 0, 0)
        if partial is None or partial.part + 1 != batch.part or not _belong(partial.first, batch):
            raise BatchRefused(f"part {batch.part} of a snapshot does not follow on the part before it")
        version = next(_versions)
        partial.revoked.add(batch.entries, version=version, now=self.clock.service_time(now, wall))
        partial = _Partial(partial.first, partial.revoked, batch.part, partial.held + len(batch.entries))
        self._partial = partial
        if partial.held > batch.count:
            raise BatchRefused(f"the snapshot holds more than the {batch.count} entries that it says")
        if batch.part < batch.parts:
            return False
        self._partial = None
        if partial.held != batch.count:
            raise BatchRefused(f"the snapshot holds {partial.held} entries and says {batch.count}")
        self.revoked, self.version, self.audience = partial.revoked, version, batch.audience
        self.epoch, self.position, self.as_of = batch.epoch, batch.end, batch.as_of
        self.known_at = known_at
        return True

    def _warn_of_skew(self) -> None:
        skew = self.clock.skew_seconds
        if abs(skew) >= WARN_SKEW_SECONDS and not self._warned:
            self._warned = True
            _log.warning("this host's clock is %+.1f s off the authentication service's: check NTP", skew)


def _belong(first: Batch, part: Batch) -> bool:
    def of(batch: Batch) -> tuple[object, ...]:
        return batch.audience, batch.epoch, batch.end, batch.parts, batch.count, batch.as_of

    return of(first) == of(part)
