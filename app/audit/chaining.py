"""Joining committed entries to the chain: work of the one process that publishes."""

import asyncio
import json
from collections.abc import Sequence
from uuid import UUID

import asyncpg

from app.audit.chain import GENESIS, SALT_BYTES, Content, Link, chain_on
from app.audit.heads import HeadSigning
from app.foundation.secrets import random_bytes

EVERY_SECONDS = 0.5
# A transaction that was open for longer than two minutes is found by the next look at everything.
FULL_SECONDS = 20.0
_RECENT = 120_000 << 80
_FIRST = UUID(int=0)
# About ten milliseconds of work: numbering revocations waits no longer for its turn.
BATCH = 200
# Requests of this process are served in between.
_YIELD_EVERY = 40

# `xmin` tells whether a row was written meanwhile, such as by erasing a person.
_UNCHAINED = """
    SELECT xmin::text AS version, id, at, type, outcome, actor_kind, actor_id, subject, trace_id, ip, user_agent,
      details::text AS details
    FROM audit_entries WHERE number IS NULL AND id > $2 ORDER BY id LIMIT $1
    """
_END = "SELECT number, hash FROM audit_chain WHERE id = 1 FOR UPDATE"
_BEGIN = """
    INSERT INTO audit_chain (id, number, hash)
    SELECT 1, coalesce(max(number), 0), coalesce((array_agg(hash ORDER BY number DESC))[1], $1)
    FROM (SELECT number, hash FROM audit_entries WHERE number IS NOT NULL ORDER BY number DESC LIMIT 1) AS last
    ON CONFLICT DO NOTHING
    """
_CHAIN = """
    UPDATE audit_entries e SET number = l.number, hash = l.hash, personal_salt = l.salt, personal_digest = l.digest
    FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::bytea[], $5::bytea[], $6::bytea[])
      AS l (id, version, number, hash, salt, digest)
    WHERE e.id = l.id AND e.id BETWEEN $7 AND $8 AND e.number IS NULL AND e.xmin::text = l.version
    """
_MOVE = "UPDATE audit_chain SET number = $1, hash = $2 WHERE id = 1"


class _WrittenMeanwhile(Exception):
    """One of a batch's entries is not as it was read."""


class AuditChaining:
    """Numbers and hashes entries in batches, so that nobody who writes one waits for another.

    Entries of several processes commit in any order: the chain's order is that of joining. Every `full_seconds` all of
    them are looked at, else the recent ones.
    """

    def __init__(self, heads: HeadSigning | None = None, *, full_seconds: float = FULL_SECONDS) -> None:
        self._heads = heads
        self._full_seconds = full_seconds
        self._due_at = 0.0
        self._full_at = 0.0
        self._newest = _FIRST
        self._after: UUID | None = None

    async def step(self, connection: "asyncpg.Connection") -> bool:
        """Chain one batch if that is due, or sign the end; whether more waits. The connection holds the lock.

        Raises what the driver raises.
        """
        loop = asyncio.get_running_loop()
        if loop.time() < self._due_at:
            return False
        if self._after is None:
            self._after = self._start(loop.time())
        rows = await connection.fetch(_UNCHAINED, BATCH, self._after)
        joined = bool(rows) and await self._join(connection, rows)
        if joined:
            self._after = self._newest = rows[-1]["id"]
        if joined and len(rows) == BATCH:
            return True
        self._after = None
        self._due_at = loop.time() + EVERY_SECONDS
        if self._heads is not None:
            await self._heads.step(connection, loop.time())
        return False

    def _start(self, now: float) -> UUID:
        """Where to look from: what was chained lately leaves dead index entries, which cost time to step over."""
        if now >= self._full_at:
            self._full_at = now + self._full_seconds
            return _FIRST
        return UUID(int=max(0, self._newest.int - _RECENT))

    async def _join(self, connection: "asyncpg.Connection", rows: Sequence[asyncpg.Record]) -> bool:
        """Join these to the chain in one transaction; False, and nothing done, where one was written meanwhile."""
        try:
            async with connection.transaction():
                await self._write(connection, rows)
        except _WrittenMeanwhile:
            return False
        return True

    async def _write(self, connection: "asyncpg.Connection", rows: Sequence[asyncpg.Record]) -> None:
        end = await connection.fetchrow(_END)
        if end is None:
            await connection.execute(_BEGIN, GENESIS)
            end = await connection.fetchrow(_END)
        links = await _links(rows, number=end["number"], previous=end["hash"])
        done = await connection.execute(
            _CHAIN,
            [row["id"] for row in rows],
            [row["version"] for row in rows],
            [link.number for link in links],
            [link.hash for link in links],
            [link.personal_salt for link in links],
            [link.personal_digest for link in links],
            rows[0]["id"],
            rows[-1]["id"],
        )
        if done != f"UPDATE {len(rows)}":
            raise _WrittenMeanwhile
        await connection.execute(_MOVE, links[-1].number, links[-1].hash)


async def _links(rows: Sequence[asyncpg.Record], *, number: int, previous: bytes) -> list[Link]:
    links: list[Link] = []
    for place, row in enumerate(rows, start=1):
        link = chain_on(content_of(row), number=number + place, previous=previous, salt=random_bytes(SALT_BYTES))
        previous = link.hash
        links.append(link)
        if place % _YIELD_EVERY == 0:
            await asyncio.sleep(0)
    return links


def content_of(row: asyncpg.Record) -> Content:
    """The content in a row whose `details` come as text."""
    return Content(
        id=row["id"],
        at=row["at"],
        type=row["type"],
        outcome=row["outcome"],
        actor_kind=row["actor_kind"],
        actor_id=row["actor_id"],
        subject=row["subject"],
        trace_id=row["trace_id"],
        ip=row["ip"],
        user_agent=row["user_agent"],
        details=json.loads(row["details"]),
    )
