"""Processes around one registry: those of the test itself, and real ones that can be killed and frozen."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text

from app.audit.chaining import AuditChaining
from app.foundation.cache import Cache
from app.revocation.feed import Feed
from app.revocation.follow import Follower, Revoked
from app.revocation.kinds import RevocationKind
from app.revocation.publish import Publisher
from app.revocation.wake import Wake
from app.wiring import Services

PATIENCE_SECONDS = 60


async def until(condition: Callable[[], Awaitable[bool]] | Callable[[], bool]) -> None:
    """Wait for something that other tasks or processes bring about."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            found = condition()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.005)


class Node:
    """One process's feed, and what it has heard of, in order."""

    def __init__(
        self, services: Services, *, redis_url: str | None = None, chaining: AuditChaining | None = None
    ) -> None:
        self.cache = Cache(redis_url)
        self.wake = Wake(self.cache)
        self.follower = Follower()
        self.feed = Feed(
            services.db, self.wake, chaining or AuditChaining(), publisher=Publisher(), follower=self.follower
        )
        self.heard: list[Revoked] = []
        self.forgot = 0
        for kind in RevocationKind:
            self.follower.listen(kind, self.heard.append)
        self.follower.listen(RevocationKind.SID, lambda _: None, forget=self._forget)

    def _forget(self) -> None:
        self.forgot += 1

    @property
    def leads(self) -> bool:
        return self.feed.publisher.leads

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Node"]:
        tasks = [asyncio.create_task(self.feed.run()), asyncio.create_task(self.wake.hear())]
        try:
            await until(lambda: self.follower.age_seconds is not None)
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.cache.close()


@asynccontextmanager
async def other_process(database_url: str, redis_url: str | None = None) -> AsyncIterator[asyncio.subprocess.Process]:
    """A real process that publishes."""
    arguments = [database_url, *([redis_url] if redis_url else [])]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.revocation.process", *arguments, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        await process.wait()


async def somebody_leads(services: Services) -> bool:
    async with services.db.transaction() as tx:
        held = await tx.scalar(
            text(
                "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database "
                "WHERE locktype = 'advisory' AND granted AND datname = current_database()"
            )
        )
    return bool(held)


async def revoke(services: Services, *targets: str) -> None:
    async with services.db.transaction() as tx:
        await services.revocations.add_all(tx, RevocationKind.SID, targets, reason="test")


async def numbers(services: Services) -> list[tuple[int | None, str]]:
    async with services.db.transaction() as tx:
        return [tuple(row) for row in await tx.execute(text("SELECT seq, target FROM revocations ORDER BY seq, id"))]


@pytest.fixture
async def node(services: Services) -> AsyncIterator[Node]:
    """A process that runs, without a cache: everything works by looking."""
    async with Node(services).running() as running:
        yield running
