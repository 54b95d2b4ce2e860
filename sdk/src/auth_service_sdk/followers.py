"""Who follows what: each guard has a Following; those of one event loop that want the same feed share one Follower."""

import asyncio
import logging
import math
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple, Self

from auth_service_sdk.client import ServiceConnection, has_feed
from auth_service_sdk.feed_state import FeedState
from auth_service_sdk.following import FEED_PATH, Follower
from auth_service_sdk.session_state import MAX_CACHED_SECONDS, VALIDATE_PATH
from auth_service_sdk.verifier import Expectations

_log = logging.getLogger("auth_service_sdk")


class _Key(NamedTuple):
    base_url: str
    credentials: tuple[str, str]
    issuer: str
    audiences: frozenset[str]


_followers: dict[asyncio.AbstractEventLoop, dict[_Key, Follower]] = {}
_lock = threading.Lock()
_NOTHING_KNOWN = FeedState()
"""Stands where nobody follows. Its version is what a token's entry bears that was confirmed by asking."""


@dataclass(frozen=True, slots=True)
class RevocationStatus:
    """One follower of this process, for metrics.

    `age_seconds` is how old the newest news is (None before the first), at most a second or so while all is well;
    beyond the `staleness` of a middleware it asks for each request. `trouble` is None while all is well. `entries`
    and `size_bytes` are of the set in memory, `skew_seconds` is how far this host's clock is ahead.
    """

    base_url: str
    audiences: tuple[str, ...]
    age_seconds: float | None
    trouble: str | None
    by: str
    position: int
    entries: int
    size_bytes: int
    skew_seconds: float
    batches: int
    refused_batches: int
    connections: int


def revocation_status() -> list[RevocationStatus]:
    """How every feed that this process follows stands; call it from a metric's callback. Costs microseconds."""
    now = time.monotonic()
    with _lock:
        running = [item for followers in _followers.values() for item in followers.items()]
    return [_status(key, follower, now) for key, follower in running if _is_running(follower)]


class Following:
    """What one guard knows of revocations.

    `state` is that of the feed last joined; without credentials a state in which nothing is known. `staleness` is how
    old, in seconds, news may be to count.
    """

    def __init__(
        self,
        base_url: str,
        *,
        credentials: tuple[str, str] | None,
        expected: Expectations,
        staleness: float,
        monotonic: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.state = _NOTHING_KNOWN
        self.staleness = staleness
        self.clock = clock
        self._monotonic = monotonic
        self._base_url = base_url
        self._expected = expected
        self._key = None if credentials is None else _Key(base_url, credentials, expected.issuer, expected.audiences)
        self._follower: Follower | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told_stale = False

    @classmethod
    def of_nothing(cls) -> Self:
        """One that follows no feed, for whoever asks each time."""
        return cls("", credentials=None, expected=Expectations("", frozenset()), staleness=0.0)

    @property
    def is_wanted(self) -> bool:
        """Whether there is a feed to follow: there are credentials for it."""
        return self._key is not None and has_feed()

    def join(self) -> FeedState:
        """Follow in the running event loop, with whoever does already, and return what is known."""
        if self._key is None:
            return self.state
        loop = asyncio.get_running_loop()
        if self._loop is not loop or self._follower is None or not _is_running(self._follower):
            self._join(loop, self._key)
        return self.state

    def leave(self) -> "Follower | None":
        """Follow no more; returns the follower where nobody else needs it, to be stopped."""
        follower, self._follower, self._loop = self._follower, None, None
        self.state = _NOTHING_KNOWN
        if follower is None:
            return None
        follower.users.discard(self)
        return None if follower.users else follower

    def start_over(self) -> None:
        """Somebody else answers from now on: what was heard is worth nothing."""
        follower = self.leave()
        if follower is not None:
            with _lock:
                for followers in _followers.values():
                    for key in [key for key, value in followers.items() if value is follower]:
                        del followers[key]
            follower.end_soon()

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Follow for as long as an application lives."""
        self.join()
        try:
            yield
        finally:
            follower = self.leave()
            if follower is not None:
                await follower.stop()

    def fresh_until(self, state: FeedState) -> float:
        """The moment, in monotonic time, until which what is known counts."""
        return state.known_at + self.staleness

    def is_fresh(self, state: FeedState, now: float) -> bool:
        """Whether what is known is new enough. Tells the log where that changes."""
        fresh = now < state.known_at + self.staleness
        if fresh is self._told_stale and self.is_wanted and state.known_at > -math.inf:
            self._told_stale = not fresh
            self._tell(state, now, fresh=fresh)
        return fresh

    def is_known_within(self, seconds: float) -> bool:
        """Whether everything is known that was revoked until so many seconds ago."""
        return self._monotonic() < self.join().known_at + seconds

    def reached(self) -> None:
        """The service has answered somebody: a follower that waits to try again need not."""
        if self._follower is not None and self._follower.trouble is not None:
            self._follower.wake()

    def announce(self) -> None:
        """Say once in the log how sessions are confirmed."""
        if self._key is not None:
            _log.info(
                "revocations are followed: GET %s%s, news up to %g s old", self._base_url, FEED_PATH, self.staleness
            )
        else:
            _log.info(
                "sessions are confirmed by GET %s%s, each answer used for at most %s s; without client credentials no "
                "action token is spent and no feed of revocations is followed",
                self._base_url,
                VALIDATE_PATH,
                MAX_CACHED_SECONDS,
            )

    def _tell(self, state: FeedState, now: float, *, fresh: bool) -> None:
        if fresh:
            _log.info("revocations are known again, up to %d", state.position)
        else:
            age = now - state.known_at
            words = (
                "revocations were last heard of %.1f s ago, more than staleness=%g: requests are confirmed by asking"
            )
            _log.error(words, age, self.staleness)

    def _join(self, loop: asyncio.AbstractEventLoop, key: _Key) -> None:
        self.leave()
        if not has_feed():
            return
        with _lock:
            for closed in [known for known in _followers if known.is_closed()]:
                del _followers[closed]
            followers = _followers.setdefault(loop, {})
            follower = followers.get(key)
            if follower is None or not _is_running(follower):
                follower = followers[key] = Follower(
                    ServiceConnection(self._base_url),
                    credentials=key.credentials,
                    expected=self._expected,
                    clock=self.clock,
                    monotonic=self._monotonic,
                )
            follower.users.add(self)
        if follower.task is None:
            follower.start()
        self._follower, self._loop, self.state = follower, loop, follower.state


def _is_running(follower: Follower) -> bool:
    return follower.task is None or not (follower.task.done() or follower.task.get_loop().is_closed())


def _status(key: _Key, follower: Follower, now: float) -> RevocationStatus:
    state = follower.state
    revoked = state.revoked
    return RevocationStatus(
        base_url=key.base_url,
        audiences=tuple(sorted(key.audiences)),
        age_seconds=now - state.known_at if state.known_at > -math.inf else None,
        trouble=follower.trouble,
        by="poll" if follower.is_polling else "stream",
        position=state.position,
        entries=0 if revoked is None else len(revoked),
        size_bytes=0 if revoked is None else revoked.size_bytes,
        skew_seconds=state.clock.skew_seconds,
        batches=follower.batches,
        refused_batches=follower.refused,
        connections=follower.connections,
    )
