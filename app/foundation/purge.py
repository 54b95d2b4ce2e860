"""Removing what is past use: rows in small batches, whole partitions at once, by one runner at a time.

A feature's `purge.py` names its rules; the wiring lists them. A batch holds only rows that nobody else holds, ends
within milliseconds, and is followed by a rest at least as long, so that nothing ever queues behind it.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg

from app.foundation.clock import Clock
from app.foundation.db import translated
from app.foundation.dsn import driver_dsn
from app.foundation.errors import Conflict
from app.foundation.ids import first_id_at
from app.foundation.metrics import FROM_CODE, Counter
from app.foundation.partitions import month_at

# Whoever wants a lock of ours waits behind us while we wait for it ourselves; so we hardly wait, and come back.
LOCK_TIMEOUT_MILLISECONDS = 100
_DROP_TRIES = 20
_STATEMENT_SECONDS = 600.0
_CONNECT_SECONDS = 5.0
_CLOSE_SECONDS = 2.0
_TRY_LOCK = "SELECT pg_try_advisory_lock(hashtext('purge'))"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_REMOVED = Counter("purged", "Rows removed because they were past use.", unit="rows", table=FROM_CODE)

# The walk goes on behind the last row that was seen: the entries of an index that point to removed rows are not read
# again. A row that somebody holds is left for the next time.
_BATCH = """
WITH old AS MATERIALIZED (
  SELECT ctid AS place, {order} AS mark FROM {table}
  WHERE {order} >= $1 AND {order} < $2 AND {condition}
  ORDER BY {order} LIMIT $3 FOR UPDATE SKIP LOCKED
), gone AS (
  DELETE FROM {table} WHERE ctid = ANY (ARRAY(SELECT place FROM old)) RETURNING 1
)
SELECT (SELECT count(*) FROM gone) AS removed, (SELECT count(*) FROM old) AS seen,
  (SELECT mark FROM old ORDER BY mark DESC LIMIT 1) AS mark
"""
_COUNT = "SELECT count(*) FROM {table} WHERE {order} >= $1 AND {order} < $2 AND {condition}"
_PARTITIONS = """
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = $1::regclass ORDER BY c.relname
"""


class PurgeBusy(Conflict):
    """Another process is removing what is past use. One does at a time."""

    code, title = "purge_busy", "A purge is under way"


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeRule:
    """Which rows of one table go: those whose `order` lies further back than `kept`, where `condition` holds.

    `order` is an indexed column: a time, or `id` for a UUIDv7. `condition` is SQL about the table's columns alone and
    may say `{now}`. Every row that `order` lets through should meet it, or each run walks the others again.
    """

    table: str
    kept: timedelta
    order: str = "id"
    condition: str = "true"

    def sql(self, template: str, first_parameter: int) -> str:
        """The statement of this rule; `{now}` becomes the parameter after the template's own."""
        condition = self.condition.format(now=f"${first_parameter}::timestamptz")
        return template.format(table=self.table, order=self.order, condition=f"({condition})")

    def bounds(self, now: datetime) -> tuple[object, object]:
        """From where to where the walk goes."""
        if self.order == "id":
            return UUID(int=0), first_id_at(now - self.kept)
        return _EPOCH, now - self.kept

    def moment(self, now: datetime) -> tuple[datetime, ...]:
        """The present, for a condition that asks for it."""
        return (now,) if "{now}" in self.condition else ()


Prepare = Callable[["asyncpg.Connection", str], Awaitable[bool]]
"""Called in the transaction that drops a partition, before it does; False keeps it for now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionRule:
    """Monthly partitions of `table` go once their month ended longer than `kept` ago."""

    table: str
    kept: timedelta
    prepare: Prepare | None = None

    def is_past(self, partition: str, now: datetime) -> bool:
        """Whether this partition's month lies so far back. The default partition never does."""
        found = re.fullmatch(rf"{self.table}_p(\d{{4}})(\d{{2}})", partition)
        if found is None:
            return False
        month = datetime(int(found[1]), int(found[2]), 1, tzinfo=UTC)
        return month_at(month, 1) + self.kept <= now


class _StillInUse(Exception):
    """A partition could not be locked; what was prepared for its end is taken back."""


@dataclass(slots=True, kw_only=True)
class PurgeReport:
    """What a run removed, or would remove.

    `postponed` are partitions that are in use; `finished` is False where the run was ended early.
    """

    removed: dict[str, int] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)
    postponed: list[str] = field(default_factory=list)
    finished: bool = True

    @property
    def rows(self) -> int:
        """How many rows went, apart from those in dropped partitions."""
        return sum(self.removed.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """`batch_rows` at once, then a rest of at least `pause` and of `rest` times what the batch took."""

    batch_rows: int = 1000
    pause: timedelta = timedelta(milliseconds=50)
    rest: float = 1.0


Progress = Callable[[str, int], None]
"""Told of each batch: the table, and how many rows of it went."""


class Purge:
    """Removes by all rules, on a connection of its own.

    A crash may bring a removed row back, never half of one: the next run removes it again.
    """

    def __init__(
        self,
        database_url: str,
        clock: Clock,
        rules: Sequence[PurgeRule],
        partitions: Sequence[PartitionRule] = (),
        *,
        pace: Pace | None = None,
    ) -> None:
        self._dsn = driver_dsn(database_url)
        self._clock = clock
        self._rules = tuple(rules)
        self._partitions = tuple(partitions)
        self._pace = pace or Pace()

    @property
    def tables(self) -> frozenset[str]:
        """Every table that has a rule."""
        return frozenset({*(rule.table for rule in self._rules), *(rule.table for rule in self._partitions)})

    async def count(self) -> PurgeReport:
        """What a run would remove at this moment. Nothing changes."""
        now, report = self._clock.now(), PurgeReport()
        async with self._connection() as connection:
            for rule in self._rules:
                statement = rule.sql(_COUNT, 3)
                count = await connection.fetchval(statement, *rule.bounds(now), *rule.moment(now))
                _add(report.removed, rule.table, count)
            for partition, _ in await self._past(connection, now):
                report.dropped.append(partition)
        return report

    async def run(
        self,
        *,
        within: timedelta | None = None,
        end: asyncio.Event | None = None,
        on_progress: Progress | None = None,
    ) -> PurgeReport:
        """Remove all that is past use; end early, after a batch, when `within` is over or `end` is set.

        Raises PurgeBusy, DatabaseUnavailable.
        """
        now, report, end = self._clock.now(), PurgeReport(), end or asyncio.Event()
        async with self._connection() as connection:
            if not await connection.fetchval(_TRY_LOCK):
                raise PurgeBusy("Another process is removing what is past use.")
            timer = None if within is None else asyncio.get_running_loop().call_later(within.total_seconds(), end.set)
            try:
                for partition, rule in await self._past(connection, now):
                    try:
                        dropped = await self._drop(connection, partition, rule)
                    except _StillInUse:
                        dropped = False
                    (report.dropped if dropped else report.postponed).append(partition)
                for each in self._rules:
                    async for removed in self._walk(connection, each, now, end):
                        _add(report.removed, each.table, removed)
                        if on_progress is not None:
                            on_progress(each.table, removed)
                        if end.is_set():
                            report.finished = False
                            return report
            finally:
                if timer is not None:
                    timer.cancel()
        return report

    async def _walk(
        self, connection: "asyncpg.Connection", rule: PurgeRule, now: datetime, end: asyncio.Event
    ) -> AsyncIterator[int]:
        """Remove batch after batch, and tell the size of each after its rest."""
        statement = rule.sql(_BATCH, 4)
        mark, bound = rule.bounds(now)
        loop, seen = asyncio.get_running_loop(), self._pace.batch_rows
        while seen >= self._pace.batch_rows:
            begun = loop.time()
            row = await connection.fetchrow(statement, mark, bound, self._pace.batch_rows, *rule.moment(now))
            seen, mark = row["seen"], row["mark"]
            _REMOVED.add(rule.table, count=row["removed"])
            if seen >= self._pace.batch_rows:
                await self._rest(end, (loop.time() - begun) * self._pace.rest)
            yield row["removed"]

    async def _rest(self, end: asyncio.Event, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(self._pace.pause.total_seconds(), seconds)):
                await end.wait()

    async def _past(self, connection: "asyncpg.Connection", now: datetime) -> list[tuple[str, PartitionRule]]:
        found = []
        for rule in self._partitions:
            names = [row["relname"] for row in await connection.fetch(_PARTITIONS, rule.table)]
            found += [(name, rule) for name in names if rule.is_past(name, now)]
        return found

    async def _drop(self, connection: "asyncpg.Connection", partition: str, rule: PartitionRule) -> bool:
        """Drop one partition. The lock on its table is asked for briefly and again, so that no request waits long."""
        async with connection.transaction():
            if rule.prepare is not None and not await rule.prepare(connection, partition):
                return False
            for _ in range(_DROP_TRIES):
                try:
                    async with connection.transaction():
                        await connection.execute(f"DROP TABLE {partition}")
                except asyncpg.LockNotAvailableError:
                    await asyncio.sleep(self._pace.pause.total_seconds())
                else:
                    return True
            raise _StillInUse

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator["asyncpg.Connection"]:
        """A connection that gives way: it hardly waits for locks, and no commit of it waits for the disk."""
        settings = {"lock_timeout": f"{LOCK_TIMEOUT_MILLISECONDS}ms", "synchronous_commit": "off"}
        with translated():
            connection = await asyncpg.connect(
                self._dsn, timeout=_CONNECT_SECONDS, command_timeout=_STATEMENT_SECONDS, server_settings=settings
            )
            try:
                yield connection
            finally:
                # It returns once the server has let go of the lock.
                with contextlib.suppress(OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.PostgresError):
                    await connection.close(timeout=_CLOSE_SECONDS)
                connection.terminate()


def _add(counts: dict[str, int], table: str, count: int) -> None:
    counts[table] = counts.get(table, 0) + count
