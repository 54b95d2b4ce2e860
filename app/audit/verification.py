"""Verifying the log: entry by entry from the first that is kept, then every signed head and every anchor."""

from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg

from app.audit.chain import GENESIS, Link, fault
from app.audit.chaining import content_of
from app.audit.heads import Head
from app.foundation.clock import Clock, rfc3339
from app.foundation.db import Database

BATCH = 2000
# The tail that waits to be chained is younger; an older one is reported. Spec: contract section 11.
TAIL_SECONDS = 60
# How far an entry's place may lie behind its month before its removal cannot have been retention.
_LATE = timedelta(days=1)

_WALK = """
    SELECT id, at, type, outcome, actor_kind, actor_id, subject, trace_id, ip, user_agent, details::text AS details,
      number, hash, personal_salt, personal_digest
    FROM audit_entries WHERE number >= $1 AND (number, id) > ($1, $2) AND number <= $3 ORDER BY number, id LIMIT $4
    """
_END = "SELECT number, hash FROM audit_chain WHERE id = 1"
_BOUNDS = "SELECT min(number) AS first, max(number) AS last FROM audit_entries WHERE number IS NOT NULL"
_CUT = "SELECT hash FROM audit_cuts WHERE number = $1"
_HEADS = "SELECT number, hash, jws FROM audit_heads WHERE number > $1 AND number <= $2 ORDER BY number LIMIT $3"
_HEAD_BEFORE = "SELECT jws FROM audit_heads WHERE number < $1 ORDER BY number DESC LIMIT 1"
_HASH = "SELECT hash FROM audit_entries WHERE number = $1 UNION ALL SELECT hash FROM audit_cuts WHERE number = $1"
_TAIL = "SELECT count(*) AS waiting, min(at) AS since FROM audit_entries WHERE number IS NULL"

ReadHead = Callable[[str], Head]
"""Checks a signed head and tells what it says. Raises ValueError with what is wrong."""

Progress = Callable[[int, int], None]
"""Told how many of how many entries are done."""


class Broken(Exception):
    """The first thing in the log that is not as it was written. `entry_id` names the entry where there is one."""

    def __init__(self, what: str, *, number: int, entry_id: UUID | None = None) -> None:
        super().__init__(what)
        self.number = number
        self.entry_id = entry_id


@dataclass(slots=True, kw_only=True)
class Verified:
    """What was found. `broken` is the first fault, or None; what was counted is what was looked at until then."""

    entries: int = 0
    first: int | None = None
    last: int = 0
    erased: int = 0
    gaps: int = 0
    heads: int = 0
    anchors: int = 0
    unchained: int = 0
    unchained_since: datetime | None = None
    broken: Broken | None = None
    hash: bytes = field(default=GENESIS, repr=False)


class LogVerification:
    """Walks the log in batches, in a memory that does not grow with it."""

    def __init__(self, db: Database, clock: Clock, read_head: ReadHead) -> None:
        self._db = db
        self._clock = clock
        self._read_head = read_head

    async def verify(
        self, anchors: Iterable[tuple[str, Sequence[str] | Iterable[str]]] = (), *, progress: Progress | None = None
    ) -> Verified:
        """Verify everything; `anchors` are names of files with their lines. Raises what a lost database raises."""
        found = Verified()
        async with self._db.dedicated() as connection:
            try:
                end = await self._end(connection)
                await self._walk(connection, end.number, found, progress)
                self._check_end(end, found)
                await self._check_heads(connection, found)
                for name, lines in anchors:
                    await self._check_anchors(connection, name, lines, found)
            except Broken as broken:
                found.broken = broken
            tail = await connection.fetchrow(_TAIL)
            found.unchained, found.unchained_since = tail["waiting"], tail["since"]
        return found

    def is_late(self, found: Verified) -> bool:
        """Whether entries have waited too long for their place: nobody publishes."""
        since = found.unchained_since
        return since is not None and self._clock.now() - since > timedelta(seconds=TAIL_SECONDS)

    async def _end(self, connection: "asyncpg.Connection") -> Head:
        row = await connection.fetchrow(_END)
        bounds = await connection.fetchrow(_BOUNDS)
        if row is None:
            if bounds["last"] is not None:
                raise Broken("the end of the chain is gone", number=bounds["last"])
            return Head(number=0, hash=GENESIS, at=self._clock.now())
        return Head(number=row["number"], hash=row["hash"], at=self._clock.now())

    async def _walk(
        self, connection: "asyncpg.Connection", end: int, found: Verified, progress: Progress | None
    ) -> None:
        async with aclosing(_rows(connection, end)) as rows:
            async for row in rows:
                previous = await self._previous(connection, row, found)
                if (what := _fault(row, previous)) is not None:
                    raise Broken(f"{_named(row)} {what}", number=row["number"], entry_id=row["id"])
                found.first = found.first or row["number"]
                found.last, found.hash = row["number"], row["hash"]
                found.entries += 1
                found.erased += row["personal_salt"] is None
                if progress is not None and found.entries % BATCH == 0:
                    progress(found.entries, end - found.first + 1)

    async def _previous(self, connection: "asyncpg.Connection", row: asyncpg.Record, found: Verified) -> bytes:
        """The hash that an entry must follow. Raises Broken where entries are missing, or one number stands twice."""
        number: int = row["number"]
        if number == found.last and found.entries:
            raise Broken(f"{_named(row)} bears the number of another", number=number, entry_id=row["id"])
        if number == found.last + 1:
            return found.hash
        missing = f"entries {found.last + 1} to {number - 1} are missing"
        cut = await connection.fetchval(_CUT, number - 1)
        if cut is None:
            raise Broken(missing, number=found.last + 1)
        month = row["at"].astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        earlier = await connection.fetchval(_HEAD_BEFORE, found.last + 1)
        if earlier is not None and self._head(earlier, found.last + 1).at > month + _LATE:
            raise Broken(f"{missing}, and are younger than what retention removes", number=found.last + 1)
        found.gaps += 1
        return bytes(cut)

    def _check_end(self, end: Head, found: Verified) -> None:
        if end.number > found.last:
            raise Broken(f"entries {found.last + 1} to {end.number} at the end are missing", number=found.last + 1)
        if end.hash != found.hash:
            raise Broken(f"the end of the chain is not that of entry {found.last}", number=found.last)

    async def _check_heads(self, connection: "asyncpg.Connection", found: Verified) -> None:
        after = -1
        while True:
            rows = await connection.fetch(_HEADS, after, (1 << 63) - 1, BATCH)
            for row in rows:
                head = self._head(row["jws"], row["number"])
                if (head.number, head.hash) != (row["number"], row["hash"]):
                    raise Broken(
                        f"the head of entry {row['number']} is not the one that was signed", number=head.number
                    )
                await self._compare(connection, head, found, "a signed head")
                found.heads += 1
                after = row["number"]
            if len(rows) < BATCH:
                return

    async def _check_anchors(
        self, connection: "asyncpg.Connection", name: str, lines: Iterable[str], found: Verified
    ) -> None:
        for place, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            head = self._head(line.strip(), place, where=f"line {place} of {name}")
            await self._compare(connection, head, found, f"line {place} of {name}")
            found.anchors += 1

    def _head(self, jws: str, number: int, *, where: str | None = None) -> Head:
        try:
            return self._read_head(jws)
        except ValueError as error:
            raise Broken(
                f"{where or f'the head of entry {number}'} is not signed by us: {error}", number=number
            ) from error

    async def _compare(self, connection: "asyncpg.Connection", head: Head, found: Verified, witness: str) -> None:
        """Raises Broken where the chain is not the one that was signed then."""
        signed = f"{witness} of {rfc3339(head.at)}"
        own = found.hash if head.number == found.last else await connection.fetchval(_HASH, head.number)
        if own is None:
            if found.first is not None and head.number < found.first:
                return
            if head.number > found.last:
                raise Broken(
                    f"entries {found.last + 1} to {head.number} at the end are missing, says {signed}",
                    number=found.last + 1,
                )
            return
        if bytes(own) != head.hash:
            raise Broken(f"the chain up to entry {head.number} was replaced, says {signed}", number=head.number)


async def _rows(connection: "asyncpg.Connection", end: int) -> AsyncGenerator[asyncpg.Record]:
    after, after_id = 0, UUID(int=0)
    while rows := await connection.fetch(_WALK, after, after_id, end, BATCH):
        for row in rows:
            yield row
        after, after_id = rows[-1]["number"], rows[-1]["id"]


def _fault(row: asyncpg.Record, previous: bytes) -> str | None:
    if row["hash"] is None or row["personal_digest"] is None:
        return "has lost its place in the chain"
    link = Link(
        number=row["number"],
        hash=row["hash"],
        personal_salt=row["personal_salt"],
        personal_digest=row["personal_digest"],
    )
    return fault(content_of(row), link, previous)


def _named(row: asyncpg.Record) -> str:
    return f"entry {row['number']} ({row['id']}, {row['type']}, {rfc3339(row['at'])})"
