"""The feed: signs batches and hands them to followers."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from datetime import datetime

from app.audiences.errors import InvalidTarget
from app.audiences.service import Audiences, AudienceView
from app.foundation.clock import Clock
from app.foundation.db import Database
from app.foundation.metrics import Counter, Gauge
from app.revocation.follow import Follower, Revoked
from app.revocation.kinds import RevocationKind
from app.signals import store
from app.signals.batch import BATCH_TYPE, MAX_ENTRIES, Cursor, SnapshotPart, Span, batch_claims, parse_cursor
from app.signals.channel import Channel, Link
from app.signals.errors import CursorExpired, FeedNotReady
from app.signals.signed import SignedBatch
from app.signals.snapshots import Snapshots
from app.signing_keys.service import SigningKeys

HEARTBEAT_SECONDS = 1.0
LEAST_SECONDS = 0.025
"""In a storm a batch is signed no more often than this: so many revocations share one signature."""
SECONDS_PER_FOLLOWER = 40e-6
MOST_SECONDS = 0.3
"""Each batch is a write to each follower: the more there are, the more revocations share it."""
MAX_AT_ONCE = 16
"""Batches of one write."""
MAX_FOLLOWERS = 20_000
"""Followers of one process. More are sent away, to another process behind the same proxy."""
MAX_BEHIND = 100_000
"""Who is further behind begins with a snapshot, which holds only what still matters."""
MAX_WAIT_SECONDS = 30

_BATCHES = Counter("revocation_batches", "Batches signed for followers.", unit="batches")
_FOLLOWERS = Gauge("revocation_followers", "Services that follow the feed.", unit="followers", across="sum")


class RevocationBatches:
    """Everything about the feed that one process holds. `run` is its background task."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        *,
        audiences: Audiences,
        keys: SigningKeys,
        follower: Follower,
        issuer: str,
    ) -> None:
        self._db = db
        self._clock = clock
        self._audiences = audiences
        self._keys = keys
        self._follower = follower
        self._issuer = issuer
        self._channels: dict[str, Channel] = {}
        self._snapshots = Snapshots(db, self._signed)
        self._news: list[Revoked] = []
        self._woken = asyncio.Event()
        self._followers = 0
        self._refused_at: dict[str, float] = {}
        for kind in RevocationKind:
            # One of them tells of a gap; all would tell of the same one.
            follower.listen(kind, self._hear, forget=self.lose_place if kind is RevocationKind.SID else None)

    async def run(self) -> None:
        """Give followers what is new, and a heartbeat each second: the coroutine of a background task."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    await self._woken.wait()
            self._woken.clear()
            await self._publish()
            await asyncio.sleep(min(MOST_SECONDS, max(LEAST_SECONDS, self._followers * SECONDS_PER_FOLLOWER)))

    async def follow(
        self, audience: str, cursor: str | None, *, client_id: str
    ) -> AsyncGenerator[list[SignedBatch], None]:
        """Batches without end, those together that there are: what the follower has missed, or a snapshot, comes first.

        Ends where the process has lost its own place, the audience is gone, or the client is refused from now on:
        come again with the last cursor. Raises CursorExpired, InvalidCursor and FeedNotReady before the first batch.
        """
        began_at = asyncio.get_running_loop().time()
        with self._joined(audience):
            last: Link | None = None
            async with aclosing(self._begin(audience, cursor)) as missed:
                async for batch, link in missed:
                    yield [batch]
                    last = link
            following = None if last is None else await last.next()
            while following is not None and self._refused_at.get(client_id, began_at) <= began_at:
                # Who is slow is given at once all that has come meanwhile.
                batches = [following.signed]
                while following.has_next and len(batches) < MAX_AT_ONCE:
                    latest = await following.next()
                    if latest is None:
                        break
                    following = latest
                    batches.append(following.signed)
                yield batches
                following = await following.next()

    async def poll(
        self, audience: str, cursor: str | None, *, wait_seconds: float
    ) -> AsyncGenerator[SignedBatch, None]:
        """What a follower has missed; where there is nothing, the first batch within `wait_seconds` that has entries.

        The last batch always tells how new the answer is. Raises as `follow` does.
        """
        with self._joined(audience):
            async with aclosing(self._begin(audience, cursor)) as missed:
                async for batch, link in missed:
                    # One empty batch is what having missed nothing looks like.
                    if cursor is None or batch.cursor != cursor or wait_seconds <= 0:
                        yield batch
                    else:
                        yield await _first_news(batch, link, wait_seconds)

    @contextlib.contextmanager
    def _joined(self, audience: str) -> Iterator[None]:
        """Keep the audience's chain going for as long as somebody reads it."""
        if self._followers >= MAX_FOLLOWERS:
            raise FeedNotReady(detail=f"{self._followers} followers")
        channel = self._channel(audience)
        channel.followers += 1
        self._count(1)
        try:
            yield
        finally:
            channel.followers -= 1
            self._count(-1)

    async def _begin(self, audience: str, cursor: str | None) -> AsyncGenerator[tuple[SignedBatch, Link], None]:
        """What comes first, one batch at least, each with the link from which its reader goes on."""
        if cursor is not None:
            missed, link = await self._missed(audience, parse_cursor(cursor))
            for batch in missed:
                yield batch, link
            return
        view = await self._audiences.get(audience)
        snapshot = await self._snapshots.get(view, lambda: self._covered(audience), self._clock.now())
        async with aclosing(self._snapshots.batches(snapshot)) as batches:
            async for batch in batches:
                yield batch, snapshot.link

    def _covered(self, audience: str) -> tuple[Span, Link]:
        """All that this process knows of, and where the chain of that audience goes on from there."""
        end, as_of = self._position()
        return Span(start=0, end=end, as_of=as_of), self._channel(audience).last

    async def _missed(self, audience: str, cursor: Cursor) -> tuple[Sequence[SignedBatch], Link]:
        end, as_of = self._position()
        if cursor.epoch != end.epoch or end.seq - cursor.seq > MAX_BEHIND:
            raise CursorExpired("Ask without a cursor: the answer begins with a snapshot.")
        # Before the reading: what comes meanwhile waits in the chain.
        link = self._channel(audience).last
        view = await self._audiences.get(audience)
        if cursor.seq >= end.seq:
            # Another process was a moment ahead of this one: nothing was missed here, and the chain brings the rest.
            end = Cursor(end.epoch, cursor.seq)
        entries: list[Revoked] = []
        if cursor.seq < end.seq:
            async with self._db.transaction() as tx:
                entries = await store.read(
                    tx, audience, after=cursor.seq, upto=end.seq, now=self._clock.now(), limit=MAX_BEHIND
                )
        return self._sign(view, entries, Span(start=cursor.seq, end=end, as_of=as_of)), link

    def _sign(self, view: AudienceView, entries: Sequence[Revoked], span: Span) -> list[SignedBatch]:
        """The entries in as many batches as they need, one at least; the last one ends where the span does."""
        batches: list[SignedBatch] = []
        start, rest = span.start, entries
        while len(rest) > MAX_ENTRIES:
            some, rest = rest[:MAX_ENTRIES], rest[MAX_ENTRIES:]
            end = Cursor(span.end.epoch, some[-1].seq)
            batches.append(self._signed(view, some, Span(start=start, end=end, as_of=span.as_of)))
            start = end.seq
        batches.append(self._signed(view, rest, Span(start=start, end=span.end, as_of=span.as_of)))
        return batches

    def _signed(
        self, view: AudienceView, entries: Sequence[Revoked], span: Span, snapshot: SnapshotPart | None = None
    ) -> SignedBatch:
        _BATCHES.add()
        claims = batch_claims(entries, span, issuer=self._issuer, audience=view.aud, snapshot=snapshot)
        token = self._keys.sign(claims, algorithm=view.algorithm, typ=BATCH_TYPE)
        return SignedBatch(token.encode("ascii"), str(span.end))

    async def _publish(self) -> None:
        if self._follower.epoch is None or self._follower.as_of is None:
            return
        # Taken together, with nothing awaited in between: the news are exactly what leads up to the position.
        (end, as_of), news, self._news = self._position(), self._news, []
        for name, channel in list(self._channels.items()):
            if channel.followers == 0 and name not in self._snapshots:
                self._close(name, channel)
                continue
            try:
                view = await self._audiences.get(name)
            except InvalidTarget:
                self._close(name, channel)
                continue
            entries = [revoked for revoked in news if revoked.audience in (None, name) and revoked.seq > channel.to]
            for batch in self._sign(view, entries, Span(start=channel.to, end=end, as_of=as_of)):
                channel.put(batch, to=parse_cursor(batch.cursor).seq, has_entries=bool(entries))

    def _close(self, name: str, channel: Channel) -> None:
        if self._channels.get(name) is channel:
            del self._channels[name]
        channel.end()

    def _position(self) -> tuple[Cursor, datetime]:
        epoch, as_of = self._follower.epoch, self._follower.as_of
        if epoch is None or as_of is None:
            raise FeedNotReady(detail="the registry was not read yet")
        return Cursor(epoch, self._follower.position), as_of

    def _channel(self, audience: str) -> Channel:
        channel = self._channels.get(audience)
        if channel is None:
            # What is new and not yet published is before this channel's time: who begins here reads it.
            channel = self._channels[audience] = Channel(self._follower.position)
        return channel

    def _hear(self, revoked: Revoked) -> None:
        if self._channels:
            self._news.append(revoked)
        if revoked.kind is RevocationKind.CLIENT_ID:
            self._refused_at[revoked.target] = asyncio.get_running_loop().time()
        self._woken.set()

    def lose_place(self) -> None:
        """Some numbers may have been missed: followers come again and are given them from the registry."""
        self._news = []
        channels, self._channels = self._channels, {}
        self._snapshots.forget()
        for channel in channels.values():
            channel.end()

    def _count(self, change: int) -> None:
        self._followers += change
        _FOLLOWERS.set(self._followers)


async def _first_news(empty: SignedBatch, link: Link, wait_seconds: float) -> SignedBatch:
    """The first batch within that time that has entries; else the newest there is, `empty` if none came."""
    newest = empty
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(wait_seconds):
            following = await link.next()
            while following is not None:
                newest = following.signed
                if following.has_entries:
                    break
                following = await following.next()
    return newest
