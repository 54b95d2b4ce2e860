"""Snapshots: all that still matters to an audience, in signed parts. Small ones are shared, large ones are never whole.

A large one is read and signed part by part, by each who asks for one. All of its parts say the same, without one
transaction over minutes: numbers are given once, and what has expired stays for `REVOCATIONS_KEPT` longer.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from app.audiences.service import AudienceView
from app.foundation.db import Database
from app.revocation.follow import Revoked
from app.revocation.purge import REVOCATIONS_KEPT
from app.signals import store
from app.signals.batch import MAX_ENTRIES, SnapshotPart, Span
from app.signals.channel import Link
from app.signals.errors import FeedNotReady
from app.signals.signed import SignedBatch

MAX_SHARED_PARTS = 64
"""Up to so many parts (32,000 entries, some 4 MB) a snapshot is held in memory for all who ask at the same time."""
MAX_LARGE = 4
"""Larger ones that one process sends at a time; whoever asks for another comes again, or to another process."""
MAX_SNAPSHOT_SECONDS = 240.0
"""After so long the rest of a large one would lack what has been purged meanwhile: its reader begins again."""
_KEPT_SECONDS = 2.0

Sign = Callable[[AudienceView, Sequence[Revoked], Span, SnapshotPart], SignedBatch]

assert REVOCATIONS_KEPT.total_seconds() > MAX_SNAPSHOT_SECONDS  # noqa: S101 — one limit follows from the other


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A snapshot with the link at which it was taken: whoever reads on from there misses nothing."""

    audience: AudienceView
    span: Span
    link: Link
    count: int
    now: datetime
    taken_at: float
    shared: tuple[SignedBatch, ...]

    @property
    def parts(self) -> int:
        """How many batches it takes; one at least, which may be empty."""
        return max(1, -(-self.count // MAX_ENTRIES))


class Snapshots:
    """The snapshots that are being sent by this process."""

    def __init__(self, db: Database, sign: Sign) -> None:
        self._db = db
        self._sign = sign
        self._tasks: dict[str, asyncio.Task[Snapshot]] = {}
        self._large = 0

    def __contains__(self, audience: str) -> bool:
        """Whether one of that audience is at hand."""
        return audience in self._tasks

    def forget(self) -> None:
        """Take new ones from now on."""
        self._tasks.clear()

    async def get(self, audience: AudienceView, begin: Callable[[], tuple[Span, Link]], now: datetime) -> Snapshot:
        """One that was taken a moment ago, or a new one, shared by all who ask at the same time.

        `begin` says what it covers and where its reader goes on: both of the same instant.
        """
        loop, name = asyncio.get_running_loop(), audience.aud
        task = self._tasks.get(name)
        if task is not None and task.done():
            is_stale = task.cancelled() or task.exception() is not None
            if is_stale or loop.time() - task.result().taken_at > _KEPT_SECONDS:
                task = None
        if task is None:
            task = loop.create_task(self._take(audience, *begin(), now))
            task.add_done_callback(partial(self._drop_later, name))
            self._tasks[name] = task
        # Shielded: a follower that hangs up must not take the snapshot away from the others.
        return await asyncio.shield(task)

    async def batches(self, snapshot: Snapshot) -> AsyncGenerator[SignedBatch, None]:
        """Its parts in order.

        Raises FeedNotReady before the first of a large one, where too many are being sent, and TimeoutError after
        `MAX_SNAPSHOT_SECONDS`.
        """
        if snapshot.shared:
            for batch in snapshot.shared:
                yield batch
            return
        if self._large >= MAX_LARGE:
            raise FeedNotReady(detail=f"{self._large} large snapshots are being sent")
        self._large += 1
        try:
            ends_at, after = snapshot.taken_at + MAX_SNAPSHOT_SECONDS, 0
            for part in range(1, snapshot.parts + 1):
                batch, after = await self._part(snapshot, part, after)
                yield batch
                if asyncio.get_running_loop().time() > ends_at:
                    raise TimeoutError("the snapshot took too long to be sent")
        finally:
            self._large -= 1

    async def _take(self, audience: AudienceView, span: Span, link: Link, now: datetime) -> Snapshot:
        taken_at = asyncio.get_running_loop().time()
        async with self._db.transaction() as tx:
            count = await store.count(tx, audience.aud, after=0, upto=span.end.seq, now=now)
        snapshot = Snapshot(audience=audience, span=span, link=link, count=count, now=now, taken_at=taken_at, shared=())
        if snapshot.parts > MAX_SHARED_PARTS:
            return snapshot
        shared, after = [], 0
        for part in range(1, snapshot.parts + 1):
            batch, after = await self._part(snapshot, part, after)
            shared.append(batch)
        return replace(snapshot, shared=tuple(shared))

    async def _part(self, snapshot: Snapshot, part: int, after: int) -> tuple[SignedBatch, int]:
        """One part, and the number after which the next one begins."""
        async with self._db.transaction() as tx:
            entries = await store.read(
                tx,
                snapshot.audience.aud,
                after=after,
                upto=snapshot.span.end.seq,
                now=snapshot.now,
                limit=MAX_ENTRIES,
            )
        of = SnapshotPart(part=part, parts=snapshot.parts, count=snapshot.count)
        return self._sign(snapshot.audience, entries, snapshot.span, of), entries[-1].seq if entries else after

    def _drop_later(self, audience: str, task: "asyncio.Task[Snapshot]") -> None:
        def drop() -> None:
            if self._tasks.get(audience) is task:
                del self._tasks[audience]

        asyncio.get_running_loop().call_later(_KEPT_SECONDS, drop)
