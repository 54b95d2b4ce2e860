"""Work that outlives the process that began it: jobs, their feeds, and schedules, on PostgreSQL by pgqueuer.

A request never makes a job: it writes a row of its own (an event, a mail) in its transaction. Workers claim such
rows by their state, which is a *feed*, and make the jobs; a job carries an id and nothing else. Handlers run at
least once and must bear a second run.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

import asyncpg
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.applications import PgQueuer
from pgqueuer.core.executors import DatabaseRetryEntrypointExecutor
from pgqueuer.domain.errors import PgqException
from pgqueuer.domain.models import Job as QueuedJob
from pgqueuer.domain.models import Schedule

from app.foundation.dsn import driver_dsn
from app.foundation.job import Claimed

# A job whose worker has shown no sign of life for so long is given to another.
HEARTBEAT_TIMEOUT = timedelta(seconds=10)
FEED_SECONDS = 0.2
FEED_BATCH = 500
# How many jobs one worker has in hand; after a kill no more than these run a second time.
CONCURRENCY = 20
# Doubling from a second to an hour: about a day, after which a failing job is kept aside for an operator.
MAX_ATTEMPTS = 35
_LONGEST_DELAY = timedelta(hours=1)
_RESTART_SECONDS = 1.0
_STATEMENT_SECONDS = 10.0
_STILL_MILLISECONDS = 5000
_CLOSE_SECONDS = 5.0
_LOST = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, PgqException)

_logger = logging.getLogger(__name__)


Claim = Callable[["asyncpg.Connection", int], Awaitable[Claimed]]
"""Marks at most so many waiting rows as taken, in the transaction of the connection."""

Handler = Callable[[str], Awaitable[None]]
"""Does one job, given its argument. An exception means that it is tried again later."""

Work = Callable[[], Awaitable[None]]


class Jobs:
    """One worker's share of the work. Register handlers, feeds and schedules, then `run`.

    It has a pool of connections of its own, because a queue's waiting must not hold up anything else.
    """

    def __init__(self, database_url: str, *, heartbeat_timeout: timedelta = HEARTBEAT_TIMEOUT) -> None:
        self._dsn = driver_dsn(database_url)
        self._heartbeat_timeout = heartbeat_timeout
        self._handlers: dict[str, Handler] = {}
        self._feeds: list[Claim] = []
        self._schedules: list[tuple[str, str, Work]] = []

    def handle(self, kind: str, handler: Handler) -> None:
        """Give jobs of a kind to `handler`. Every worker of a deployment has the same kinds."""
        self._handlers[kind] = handler

    def feed(self, claim: Claim) -> None:
        """Ask `claim` for jobs several times a second."""
        self._feeds.append(claim)

    def schedule(self, name: str, cron: str, work: Work) -> None:
        """Do `work` at the times that a cron expression names (UTC), in one of all workers."""
        self._schedules.append((name, cron, work))

    async def run(self) -> None:
        """Work until cancelled; jobs in hand are finished first. While the database is away it is waited for."""
        while True:
            try:
                await self._work()
            except _LOST as error:
                _logger.warning("jobs wait for the database (%s)", type(error).__name__)
            except BaseExceptionGroup as group:
                if group.split(_LOST)[1] is not None:
                    raise
                _logger.warning("jobs wait for the database (%s)", type(group.exceptions[0]).__name__)
            _end_if_cancelled()
            await asyncio.sleep(_RESTART_SECONDS)

    async def _work(self) -> None:
        # A worker that stands still in the middle of a claim must not hold up the others for long.
        still = {"idle_in_transaction_session_timeout": f"{_STILL_MILLISECONDS}ms"}
        pool = await asyncpg.create_pool(
            self._dsn, min_size=1, max_size=8, command_timeout=_STATEMENT_SECONDS, server_settings=still
        )
        try:
            queue = self._queue(pool)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._feed(pool))
                await queue.run(
                    dequeue_timeout=timedelta(seconds=1),
                    batch_size=CONCURRENCY // 2,
                    max_concurrent_tasks=CONCURRENCY,
                    heartbeat_timeout=self._heartbeat_timeout,
                )
        finally:
            await _close(pool)

    def _queue(self, pool: "asyncpg.Pool") -> PgQueuer:
        queue = PgQueuer.from_asyncpg_pool(pool)
        executor = partial(DatabaseRetryEntrypointExecutor, max_attempts=MAX_ATTEMPTS, max_delay=_LONGEST_DELAY)
        for kind, handler in self._handlers.items():
            queue.entrypoint(kind, accepts_context=False, on_failure="hold", executor_factory=executor)(
                partial(_run_job, handler)
            )
        for name, cron, work in self._schedules:
            queue.schedule(name, cron, accepts_context=False)(partial(_run_schedule, work))
        return queue

    async def _feed(self, pool: "asyncpg.Pool") -> None:
        while True:
            fullest = 0
            async with pool.acquire() as connection:
                for claim in self._feeds:
                    fullest = max(fullest, await _claim_batch(connection, claim))
            if fullest == FEED_BATCH:
                continue
            await asyncio.sleep(FEED_SECONDS)


async def _claim_batch(connection: "asyncpg.Connection", claim: Claim) -> int:
    """Claim rows and make their jobs, both or neither; return how many rows."""
    async with connection.transaction():
        claimed = await claim(connection, FEED_BATCH)
        jobs = claimed.jobs
        if jobs:
            await Queries(AsyncpgDriver(connection)).enqueue(
                [job.kind for job in jobs],
                [job.argument.encode() for job in jobs],
                [0] * len(jobs),
                dedupe_key=[job.key for job in jobs],
                on_conflict="skip",
            )
    return claimed.rows


async def _close(pool: "asyncpg.Pool") -> None:
    """Close in good order, but never wait long for a connection that was lost: what was in hand is finished by now."""
    try:
        async with asyncio.timeout(_CLOSE_SECONDS):
            await pool.close()
    except _LOST:
        pool.terminate()


def _end_if_cancelled() -> None:
    """Cancel the work for good where it was told to end and lost the database on its way out.

    An error that is raised while a task group winds up takes the place of the cancellation.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def _run_job(handler: Handler, job: QueuedJob) -> None:
    await handler((job.payload or b"").decode())


async def _run_schedule(work: Work, _: Schedule) -> None:
    await work()
