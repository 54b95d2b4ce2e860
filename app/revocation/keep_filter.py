"""Keeping the filter: the publisher brings it up to where the feed stands, and builds it anew where it is gone."""

import asyncio
import json
import logging
from typing import NamedTuple
from uuid import UUID

from app.foundation.cache import CacheUnavailable
from app.foundation.clock import Clock
from app.foundation.db import Database, DatabaseUnavailable
from app.foundation.ids import new_id
from app.foundation.metrics import Counter
from app.revocation.bloom import BITS_PER_ENTRY, bits_for, pack
from app.revocation.filter import Extent, RevocationFilter
from app.revocation.follow import Follower, Revoked
from app.revocation.kinds import RevocationKind
from app.revocation.publish import Publisher

# Entries of one script: a few milliseconds in which Valkey does nothing else.
BATCH = 1000
LOOK_SECONDS = 1.0
_AGAIN_SECONDS = 0.1

# Parameters: $1 after which number, $2 up to which, $3 now, $4 how many at most.
_READ = """
    SELECT json_agg(json_build_array(kind, target))::text AS names, max(seq) AS last, count(*) AS found FROM (
      SELECT kind, target, seq FROM revocations WHERE seq > $1 AND seq <= $2 AND expires_at > $3
      ORDER BY seq LIMIT $4) page
    """
# What has come since. Parameters: $1 after which number.
_UNNUMBERED = """
    SELECT json_agg(json_build_array(kind, target))::text AS names FROM revocations WHERE seq > $1 OR seq IS NULL
    """
# As many as are worth knowing: beyond what a filter can hold nobody counts.
_COUNT = "SELECT count(*) AS found FROM revocations WHERE seq <= $1 AND expires_at > $2"

_BUILDS = Counter("revocation_filter_builds", "Times when the filter of revocations was built anew.", unit="builds")
_logger = logging.getLogger(__name__)


class _Page(NamedTuple):
    names: bytes
    last: int


class FilterKeeper:
    """One process's part in it; whoever publishes keeps the filter, and the others do nothing.

    What two of them write at a change of publishers is right in any order: the position only grows, and the entries up
    to it are in the same value.
    """

    def __init__(
        self, db: Database, clock: Clock, stored: RevocationFilter, *, follower: Follower, publisher: Publisher
    ) -> None:
        self._db = db
        self._clock = clock
        self._filter = stored
        self._follower = follower
        self._publisher = publisher
        self._woken = asyncio.Event()
        self._reached = 0
        for kind in RevocationKind:
            follower.listen(kind, self._hear, forget=self._begin_anew if kind is RevocationKind.SID else None)

    async def run(self) -> None:
        """Keep it for as long as the process lives: the coroutine of a background task."""
        while True:
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._woken.wait()
            except TimeoutError:
                pass
            self._woken.clear()
            if self._publisher.leads:
                try:
                    await self.keep_up()
                except (CacheUnavailable, DatabaseUnavailable):
                    await asyncio.sleep(_AGAIN_SECONDS)

    async def keep_up(self) -> None:
        """Bring the filter to where this process stands. Raises CacheUnavailable, DatabaseUnavailable."""
        epoch, position = self._follower.epoch, self._follower.position
        if epoch is None:
            return
        # A look at where it stands, which also lets it live on.
        extent = await self._filter.apply(epoch, b"", start=self._reached, end=self._reached)
        while extent is not None and extent.entries * BITS_PER_ENTRY < extent.bits:
            self._reached = extent.seq
            if extent.seq >= position:
                return
            extent = await self._apply(epoch, after=extent.seq, upto=position)
        await self._build(epoch, position)

    async def _apply(self, epoch: UUID, *, after: int, upto: int) -> Extent | None:
        page = await self._read(after, upto)
        return await self._filter.apply(epoch, page.names, start=after, end=page.last)

    async def _build(self, epoch: UUID, position: int) -> None:
        """Build it from the registry beside what is there, and put it in its place."""
        build, now = new_id(self._clock.now()).hex, self._clock.now()
        counted = await self._db.fetchrow(_COUNT, position, now, repeatable=True)
        await self._filter.begin(epoch, build, bits_for(counted["found"] if counted is not None else 0))
        after = 0
        while after < position:
            page = await self._read(after, position)
            after = page.last
            if not await self._filter.build(epoch, build, page.names):
                return
        if await self._finish(epoch, build, position):
            _BUILDS.add()
            _logger.info("the filter of revocations was built anew, up to number %d", position)
            self._reached = position

    async def _finish(self, epoch: UUID, build: str, position: int) -> bool:
        """Add what has committed and has no number yet, and put the filter in place; False where it was lost.

        Whoever revokes adds to the filter that is in place before it answers. What was added there before the mark was
        taken away has committed before the registry is read here; what is added later leaves a mark, and this is done
        again. So nothing that was acknowledged is missing when the old filter goes.
        """
        while True:
            await self._filter.unmark(epoch)
            row = await self._db.fetchrow(_UNNUMBERED, position, repeatable=True)
            names = b"" if row is None or row["names"] is None else pack(json.loads(row["names"]))
            finished = await self._filter.finish(epoch, build, names, seq=position)
            if finished is not False:
                return bool(finished)

    async def _read(self, after: int, upto: int) -> _Page:
        row = await self._db.fetchrow(_READ, after, upto, self._clock.now(), BATCH, repeatable=True)
        if row is None or row["names"] is None:
            return _Page(b"", upto)
        return _Page(pack(json.loads(row["names"])), upto if row["found"] < BATCH else row["last"])

    def _hear(self, _: Revoked) -> None:
        self._woken.set()

    def _begin_anew(self) -> None:
        self._reached = 0
        self._woken.set()
