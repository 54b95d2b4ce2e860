"""Months of append-only tables: made ahead, by whoever comes first, and never needed to write."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from app.foundation.ids import first_id_at, new_id
from app.foundation.partitions import PARTITIONED_TABLES, ensure_partitions, keep_partitions, month_at
from app.wiring import Services

pytestmark = pytest.mark.anyio


async def partitions(services: Services) -> set[str]:
    async with services.db.transaction() as tx:
        rows = await tx.scalars(text("SELECT inhrelid::regclass::text FROM pg_inherits"))
        return {name for name in rows if not name.startswith("pk_") and "_p" in name and "idx" not in name}


async def test_the_months_ahead_are_there_after_a_migration(services: Services) -> None:
    now = services.clock.now()
    expected = {f"{table}_p{month_at(now, ahead):%Y%m}" for table in PARTITIONED_TABLES for ahead in range(4)}
    assert expected <= await partitions(services)


async def test_two_processes_at_once_make_each_month_once(services: Services) -> None:
    later = services.clock.now() + timedelta(days=200)

    async def ensure() -> None:
        async with services.db.transaction() as tx:
            await ensure_partitions(tx, later)

    await asyncio.gather(*(ensure() for _ in range(4)))
    assert f"refresh_tokens_p{month_at(later, 3):%Y%m}" in await partitions(services)


async def test_a_running_process_makes_the_months_as_they_come(services: Services) -> None:
    services.clock.offset += timedelta(days=200)
    name = f"audit_entries_p{month_at(services.clock.now(), 3):%Y%m}"
    keeping = asyncio.create_task(keep_partitions(services.db, services.clock))
    async with asyncio.timeout(20):
        while name not in await partitions(services):
            await asyncio.sleep(0.01)
    keeping.cancel()


async def test_a_row_outside_every_month_is_still_written(services: Services) -> None:
    services.clock.offset += timedelta(days=3000)
    row = await services.db.fetchrow(
        "INSERT INTO refresh_tokens (id, grant_row_id, secret_hash, created_at, expires_at) "
        "VALUES ($1, $1, '\\x00', now(), now()) RETURNING tableoid::regclass::text",
        new_id(services.clock.now()),
    )
    assert row is not None
    assert row[0] == "refresh_tokens_pdefault"


def test_months_follow_each_other_over_the_end_of_a_year() -> None:
    november = datetime(2026, 11, 21, tzinfo=UTC)
    assert [f"{month_at(november, ahead):%Y%m}" for ahead in range(4)] == ["202611", "202612", "202701", "202702"]


def test_the_first_id_of_a_moment_bounds_every_id_made_then() -> None:
    moment = datetime(2026, 12, 1, tzinfo=UTC)
    assert first_id_at(moment) < new_id(moment) < first_id_at(moment + timedelta(milliseconds=1))
