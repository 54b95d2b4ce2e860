"""The rate limiter: quotas that all processes share while Valkey answers, and that hold in each process always.

Every attempt that was let through is counted in this process too. So when Valkey goes, or comes back with nothing,
the limits go on from what this process has seen, and what this process knows to be used up costs no round trip.
"""

import math
import time
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace

from app.foundation.alarms import LocalAlarms, Mark, Raised, Signal
from app.foundation.cache import Cache, CacheUnavailable
from app.foundation.quotas import LocalCounters, Quota, Standing
from app.foundation.shared_quotas import SharedCounters

answer_headers: ContextVar[list[tuple[bytes, bytes]] | None] = ContextVar("answer_headers", default=None)
"""Headers that the edge adds to the answer of the request that this task works for."""

# Outcomes wait for the next attempt's round trip; beyond this the oldest are only this process's.
_MAX_PENDING = 256
# What all processes together may let through while each counts alone. Less would refuse a client whose connection
# always ends at the same process.
_TIMES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether an attempt may go on, where its quotas stand, and the alarms that earlier outcomes raised."""

    standings: list[Standing]
    raised: list[Raised] = field(default_factory=list)

    @property
    def refused_by(self) -> Standing | None:
        """The quota that refuses longest, if any does but a soft one."""
        refused = [standing for standing in self.standings if standing.refused and not standing.quota.soft]
        return max(refused, key=lambda standing: standing.retry_seconds, default=None)


class RateLimiter:
    """Counts attempts, as one of so many `processes`.

    At most one round trip to Valkey for each `take`, none where this process knows the answer.
    """

    def __init__(self, cache: Cache, *, processes: int = 1, now: Callable[[], float] = time.monotonic) -> None:
        self._processes = processes
        self._shared = SharedCounters(cache) if cache.exists else None
        self._counters = LocalCounters()
        self._alarms = LocalAlarms()
        self._now = now
        self._signals: list[Signal] = []
        self._marks: list[Mark] = []
        self._raised: list[Raised] = []

    async def take(self, quotas: Sequence[Quota]) -> Verdict:
        """Count one attempt on every quota, unless one of them refuses: then none is touched."""
        now = self._now()
        # Alarms and marks of other processes are not known here: quotas that hang on them are left to Valkey.
        known = Verdict(standings=self._counters.look([quota for quota in quotas if not quota.only_while], now))
        if known.refused_by is not None:
            return known
        verdict = await self._ask(quotas)
        if verdict is None:
            return self._take_alone([quota for quota in quotas if self._counts(quota, now)], now)
        # What the others used up, this process knows from now on too: `is_refused` rests on it.
        self._counters.believe(verdict.standings, now)
        if verdict.refused_by is None:
            self._counters.charge([standing.quota for standing in verdict.standings if not standing.refused], now)
        return verdict

    def is_refused(self, quota: Quota) -> bool:
        """Whether this process knows the quota to be used up; counts nothing and asks nobody."""
        return self._counters.refuses(quota, self._now())

    def note(self, signals: Sequence[Signal], marks: Sequence[Mark] = ()) -> None:
        """Remember how an attempt ended. Other processes hear of it by the next attempt's round trip."""
        now = self._now()
        raised = self._alarms.note(signals, now)
        self._alarms.mark(marks, now)
        self._raised = [*self._raised, *raised][-_MAX_PENDING:]
        if self._shared is None:
            return
        self._signals = [*self._signals, *signals][-_MAX_PENDING:]
        self._marks = [*self._marks, *marks][-_MAX_PENDING:]

    async def _ask(self, quotas: Sequence[Quota]) -> Verdict | None:
        if self._shared is None:
            return None
        signals, self._signals = self._signals, []
        marks, self._marks = self._marks, []
        try:
            standings, raised = await self._shared.take(quotas, signals, marks)
        except CacheUnavailable:
            return None
        # What was sent, Valkey has judged for all processes.
        self._raised = []
        return Verdict(standings=standings, raised=raised)

    def _take_alone(self, quotas: Sequence[Quota], now: float) -> Verdict:
        """Count while nobody knows of the others: all together let at most twice as much through."""
        shares = [replace(quota, count=self._share(quota.count)) for quota in quotas]
        found = self._counters.look(shares, now)
        raised, self._raised = self._raised, []
        standings = [replace(standing, quota=quota) for quota, standing in zip(quotas, found, strict=True)]
        verdict = Verdict(standings=standings, raised=raised)
        if verdict.refused_by is None:
            self._counters.charge([standing.quota for standing in found if not standing.refused], now)
        return verdict

    def _share(self, count: int) -> int:
        return count if self._processes <= _TIMES else max(1, _TIMES * count // self._processes)

    def _counts(self, quota: Quota, now: float) -> bool:
        if not quota.only_while:
            return True
        return self._alarms.is_raised(quota.only_while, now) and not self._alarms.is_marked(quota.unless, now)


def tell(standings: Sequence[Standing]) -> None:
    """Put the quotas that may be shown on the answer. Spec: draft-ietf-httpapi-ratelimit-headers-10 §3, §4."""
    headers = answer_headers.get()
    shown = [standing for standing in standings if standing.quota.shown]
    if headers is None or not shown:
        return
    policies = ", ".join(f'"{s.quota.policy}";q={s.quota.count};w={s.quota.seconds}' for s in shown)
    state = ", ".join(f'"{s.quota.policy}";r={s.remaining};t={math.ceil(s.reset_seconds)}' for s in shown)
    headers += [(b"ratelimit-policy", policies.encode("ascii")), (b"ratelimit", state.encode("ascii"))]
