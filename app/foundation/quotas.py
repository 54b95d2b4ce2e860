"""Quotas, where they stand, and the counting of them in one process's memory.

A quota is a GCRA: `count` at once, then one more each `seconds / count`. An exact one lets at most `count` through in
any `seconds`, which GCRA does not promise; it keeps each arrival instead of one number, and is for small counts.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

# More keys than one process sees within a quota's time; each takes some 200 bytes. Beyond it the key that was longest
# not asked for is forgotten: an attacker's own key, asked for at each attempt, is never that.
MAX_KEYS = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What one key may do. `policy` is its name outside; `key` holds nothing that could be read back.

    With `only_while` it counts only while that alarm is raised, and not where the mark `unless` is set.
    `shown` says whether answers tell of it. A `soft` one hinders nothing but what it counts: where it is used up, the
    attempt and the other quotas go on without it.
    """

    policy: str
    key: str
    count: int
    seconds: int
    exact: bool = False
    only_while: str = ""
    unless: str = ""
    shown: bool = True
    soft: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a quota stands: what remains, when it is whole again, and how long a refused one must wait."""

    quota: Quota
    refused: bool
    remaining: int
    reset_seconds: float
    retry_seconds: float = 0.0


class LocalCounters:
    """Quotas counted in this process. `now` is any steady clock's seconds."""

    def __init__(self, *, max_keys: int = MAX_KEYS) -> None:
        self._arrivals: dict[str, float] = {}
        self._kept: dict[str, deque[float]] = {}
        self._max_keys = max_keys

    def look(self, quotas: Sequence[Quota], now: float) -> list[Standing]:
        """Where each quota would stand after one more attempt; nothing is counted."""
        return [self._look(quota, now) for quota in quotas]

    def refuses(self, quota: Quota, now: float) -> bool:
        """Whether a quota is used up. On most nothing is counted, which is known at once."""
        counted = quota.key in (self._kept if quota.exact else self._arrivals)
        return counted and self._look(quota, now).refused

    def charge(self, quotas: Sequence[Quota], now: float) -> None:
        """Count one attempt on each."""
        for quota in quotas:
            if quota.exact:
                kept = self._kept.pop(quota.key, None) or deque()
                # What counts no more goes: at most the quota's count is ever kept.
                while kept and kept[0] <= now - quota.seconds:
                    kept.popleft()
                kept.append(now)
                self._kept[quota.key] = kept
                _forget(self._kept, self._max_keys)
            else:
                arrival = max(now, self._arrivals.pop(quota.key, now))
                self._arrivals[quota.key] = arrival + quota.seconds / quota.count
                _forget(self._arrivals, self._max_keys)

    def believe(self, standings: Sequence[Standing], now: float) -> None:
        """Take over the refusals that others' attempts brought about, so that they hold here without being asked for.

        Never refuses longer than `retry_seconds` says.
        """
        for quota, retry, reset in ((s.quota, s.retry_seconds, s.reset_seconds) for s in standings if s.refused):
            if quota.exact:
                oldest, newest = now + retry - quota.seconds, now + reset - quota.seconds
                self._kept.pop(quota.key, None)
                self._kept[quota.key] = deque([*[oldest] * (quota.count - 1), newest])
                _forget(self._kept, self._max_keys)
            else:
                self._arrivals.pop(quota.key, None)
                self._arrivals[quota.key] = now + retry + quota.seconds - quota.seconds / quota.count
                _forget(self._arrivals, self._max_keys)

    def _look(self, quota: Quota, now: float) -> Standing:
        if quota.exact:
            return _look_exactly(quota, [at for at in self._kept.get(quota.key, ()) if at > now - quota.seconds], now)
        interval = quota.seconds / quota.count
        before = max(now, self._arrivals.get(quota.key, now))
        # The theoretical arrival time may run ahead of now by the whole quota, and no further.
        over = before + interval - now - quota.seconds
        if over > 1e-9:
            return Standing(quota, refused=True, remaining=0, reset_seconds=before - now, retry_seconds=over)
        remaining = math.floor(-over / interval + 1e-9)
        return Standing(quota, refused=False, remaining=remaining, reset_seconds=before + interval - now)


def _look_exactly(quota: Quota, kept: list[float], now: float) -> Standing:
    if len(kept) >= quota.count:
        whole, next_one = kept[-1] + quota.seconds - now, kept[-quota.count] + quota.seconds - now
        return Standing(quota, refused=True, remaining=0, reset_seconds=whole, retry_seconds=next_one)
    remaining = quota.count - len(kept) - 1
    return Standing(quota, refused=False, remaining=remaining, reset_seconds=float(quota.seconds))


def _forget(keys: dict[str, float] | dict[str, deque[float]], most: int) -> None:
    while len(keys) > most:
        del keys[next(iter(keys))]
