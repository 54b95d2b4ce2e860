"""Whom a foreign issuer has logged out: in the memory of one process, or shared between those of one service."""

import asyncio
import json
import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from auth_service_sdk.errors import RevocationStateUnknown
from auth_service_sdk.gate import shown

MAX_LOGOUTS = 65_536
"""Sessions, and users, kept for one issuer: 25 MB. Beyond that the oldest go, and whatever is older than they were."""
READ_EVERY_SECONDS = 1.0
"""How old what is known of a store may be when a token is judged."""
PATIENCE_SECONDS = 10.0
"""How long tokens are served on while the store cannot be read. Then they are answered 503."""
STORE_SECONDS = 2.0
"""A store that answers later counts as one that does not."""
MAX_PAGES = 256
"""Of a store, read at once; whoever has not come to its end by then knows too little to accept a token."""

_T = TypeVar("_T")
_log = logging.getLogger("auth_service_sdk")


class Logout(NamedTuple):
    """One logout: of the session `sid`, or of all sessions of `sub` where there is none. `at` is when, since 1970."""

    issuer: str
    sid: str | None
    sub: str | None
    at: int

    @property
    def is_sound(self) -> bool:
        """Whether what a store gave is one."""
        names = [name for name in (self.sid, self.sub) if name is not None]
        texts = all(isinstance(name, str) and name for name in (self.issuer, *names))
        return bool(names) and texts and type(self.at) is int

    def may_concern(self, sid: str | None, sub: str) -> bool:
        """Whether a token of this session and subject has to be looked at again."""
        return self.sid == sid if self.sid is not None and sid is not None else self.sub in (sub, None)


class StoreFailed(Exception):  # a state of the store, answered by the caller
    """The store gave an error, or nothing in STORE_SECONDS. The message says which."""


class LogoutStore(Protocol):
    """What the worker processes of one service share, because an issuer tells of a logout only one of them.

    It is a list that grows at its end: a stream of a Redis that the service has, or a table. An entry may go after
    `lifetime` seconds. Each worker reads it at most once a second, when it has a token to judge. Any exception means
    that the store cannot be used at the moment.
    """

    async def add(self, entry: str, *, lifetime: int) -> None:
        """Add an entry, so that every later `read` of any worker finds it."""
        ...

    async def read(self, after: str) -> tuple[str, Sequence[str]]:
        """Return entries that were added after a position, oldest first, and the position behind the last of them.

        `""` is the beginning. No entries mean that there are no more; a page may be of any size.
        """
        ...


class Logouts:
    """The logouts of one issuer that may still match a token, at most MAX_LOGOUTS.

    A token lives for at most `longest` seconds, or it is not accepted: a logout that is older matches nothing more.
    """

    def __init__(self, *, longest: int, leeway: int, size: int = MAX_LOGOUTS) -> None:
        self._kept_seconds = longest + leeway
        self._size = size
        # The first one is the oldest.
        self._sessions: OrderedDict[str, int] = OrderedDict()
        self._subjects: OrderedDict[str, int] = OrderedDict()
        self._sessionless: OrderedDict[str, int] = OrderedDict()
        self._floor = -1

    def add(self, logout: Logout, now: float) -> None:
        """Remember a logout; `now` is in the issuer's time."""
        if logout.at + self._kept_seconds <= now:
            return
        if logout.sid is not None:
            _put(self._sessions, logout.sid, logout.at)
        if logout.sub is not None:
            # A token that does not say of which session it is may be of the one that has ended.
            _put(self._sessionless if logout.sid is not None else self._subjects, logout.sub, logout.at)
        for table in (self._sessions, self._subjects, self._sessionless):
            self._trim(table, now)

    def match(self, claims: Mapping[str, Any]) -> bool:
        """Whether a verified token is of a session that was ended."""
        sid, sub = claims.get("sid"), str(claims.get("sub"))
        if isinstance(sid, str) and sid in self._sessions:
            return True
        # Only an introspected token may be silent here, and then its issuer has spoken.
        issued_at = claims.get("iat", math.inf)
        ended_at = self._subjects.get(sub, -1)
        if not isinstance(sid, str):
            ended_at = max(ended_at, self._sessionless.get(sub, -1))
        return bool(issued_at <= max(ended_at, self._floor))

    def __len__(self) -> int:
        return len(self._sessions) + len(self._subjects) + len(self._sessionless)

    def _trim(self, table: OrderedDict[str, int], now: float) -> None:
        while table:
            oldest, at = next(iter(table.items()))
            if at + self._kept_seconds > now and len(table) <= self._size:
                return
            if at + self._kept_seconds > now:
                # What is forgotten too early must not let anybody back in: all who came before it get new tokens.
                self._floor = max(self._floor, at)
            del table[oldest]


async def _asked(question: Coroutine[Any, Any, _T]) -> _T:
    """What a store answers. Its errors are the application's, of whatever kind: all of them become StoreFailed."""
    task = asyncio.create_task(question)
    try:
        await asyncio.wait({task}, timeout=STORE_SECONDS)
    finally:
        task.cancel()
    if not task.done() or task.cancelled():
        raise StoreFailed(f"no answer within {STORE_SECONDS:g} seconds")
    error = task.exception()
    if error is not None:
        raise StoreFailed(f"{type(error).__name__}: {shown(str(error))}") from None
    return task.result()


def _put(table: OrderedDict[str, int], name: str, at: int) -> None:
    table[name] = max(at, table.get(name, -1))
    table.move_to_end(name)


class SharedLogouts:
    """The logouts of one issuer in this process, told to the others by a store and learnt from it.

    `forget` is called with each one that is learnt, to take back what was accepted before. `learnt` counts them.
    """

    def __init__(
        self,
        known: Logouts,
        *,
        issuers: frozenset[str],
        lifetime: int,
        store: LogoutStore | None,
        forget: Callable[[Logout], None],
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.learnt = 0
        self._known = known
        self._issuers = issuers
        self._lifetime = lifetime
        self._store = store
        self._forget = forget
        self._clock = clock
        self._monotonic = monotonic
        self._position = ""
        self._read_at: float | None = None
        self._failed = False
        self._flight: asyncio.Task[None] | None = None

    @property
    def fresh_until(self) -> float:
        """Until when, in monotonic time, nothing need be read again."""
        if self._store is None:
            return math.inf
        return 0.0 if self._read_at is None else self._read_at + READ_EVERY_SECONDS

    def match(self, claims: Mapping[str, Any]) -> bool:
        """Whether a verified token is of a session that has ended, as far as is known."""
        return self._known.match(claims)

    async def add(self, logout: Logout) -> None:
        """Revoke here at once, then tell the others. Raises RevocationStateUnknown when they could not be told."""
        self._learn(logout)
        if self._store is None:
            return
        try:
            await _asked(self._store.add(json.dumps(logout._asdict()), lifetime=self._lifetime))
        except StoreFailed as error:
            _log.error("a logout was not told to the other workers: %s", error)
            raise RevocationStateUnknown(f"the store of logouts: {error}", retry_after_seconds=1) from None

    async def catch_up(self) -> None:
        """Read what the others have added, where the last look is too old. Raises RevocationStateUnknown."""
        if self._store is None:
            return
        if self._monotonic() >= self.fresh_until:
            flight = self._flight
            if flight is None or flight.done() or flight.get_loop() is not asyncio.get_running_loop():
                flight = self._flight = asyncio.get_running_loop().create_task(self._read(self._store))
            # Shielded: a caller that hangs up must not take the news away from the others.
            await asyncio.shield(flight)
        if self._read_at is None or self._monotonic() - self._read_at >= PATIENCE_SECONDS:
            raise RevocationStateUnknown("the store of logouts cannot be read", retry_after_seconds=1)

    async def _read(self, store: LogoutStore) -> None:
        asked_at = self._monotonic()
        try:
            for _ in range(MAX_PAGES):
                self._position, entries = await _asked(store.read(self._position))
                for entry in entries:
                    self._take(entry)
                if not entries:
                    self._read_at = asked_at
                    break
        except StoreFailed as error:
            if not self._failed:
                _log.error("the store of logouts cannot be read: %s", error)
            self._failed = True
            return
        if self._failed:
            _log.info("the store of logouts can be read again")
        self._failed = False

    def _take(self, entry: str) -> None:
        try:
            value = json.loads(entry)
            logout = Logout(value["issuer"], value["sid"], value["sub"], value["at"])
        except (ValueError, TypeError, KeyError):
            logout = None
        if logout is None or not logout.is_sound:
            _log.warning("the store of logouts holds something else: %s", shown(entry))
        elif logout.issuer in self._issuers:
            self._learn(logout)

    def _learn(self, logout: Logout) -> None:
        self.learnt += 1
        self._known.add(logout, self._clock())
        self._forget(logout)
