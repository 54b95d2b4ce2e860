"""The one that publishes joins committed entries to the chain."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

import pytest
from sqlalchemy import text

from app.audit.chain import GENESIS, Link, fault
from app.audit.chaining import AuditChaining, content_of
from app.audit.event import SYSTEM, Event
from app.services import startup_origin
from app.wiring import Services
from tests.revocation.conftest import Node, other_process, somebody_leads, until

pytestmark = pytest.mark.anyio


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened(Event):
    type: ClassVar[str] = "test.happened"

    what: str


async def record(services: Services, what: str) -> None:
    async with services.db.transaction() as tx:
        await services.audit.record(tx, Happened(actor=SYSTEM, origin=startup_origin(), what=what))


async def unchained(services: Services) -> int:
    async with services.db.transaction() as tx:
        return int(await tx.scalar(text("SELECT count(*) FROM audit_entries WHERE number IS NULL")) or 0)


async def verified(services: Services) -> list[str | None]:
    """What each entry says happened, in the order of the chain, which is checked."""
    async with services.db.transaction() as tx:
        rows = (
            await tx.execute(text("SELECT *, details::text AS details FROM audit_entries ORDER BY number"))
        ).mappings()
        end = (await tx.execute(text("SELECT number, hash FROM audit_chain"))).one()
        previous, told = GENESIS, []
        for expected, row in enumerate(rows, start=1):
            assert row["number"] == expected
            names = ("number", "hash", "personal_salt", "personal_digest")
            content = content_of(row)
            assert fault(content, Link(**{name: row[name] for name in names}), previous) is None
            previous = row["hash"]
            told.append(content.details.get("what"))
    assert tuple(end) == (len(told), previous)
    return told


async def chained(services: Services) -> list[str]:
    async def done() -> bool:
        return not await unchained(services)

    await until(done)
    return [what for what in await verified(services) if what]


async def test_every_entry_is_chained_soon_after_it_committed(services: Services, node: Node) -> None:
    await asyncio.gather(*(record(services, f"e{n}") for n in range(30)))
    assert set(await chained(services)) == {f"e{n}" for n in range(30)}


async def test_an_entry_that_commits_late_is_chained_behind_what_came_before(services: Services, node: Node) -> None:
    async with services.db.transaction() as tx:
        await services.audit.record(tx, Happened(actor=SYSTEM, origin=startup_origin(), what="late"))
        await record(services, "early")
        assert await chained(services) == ["early"]
    assert await chained(services) == ["early", "late"]


async def test_a_log_from_before_the_chain_is_chained_in_batches(services: Services) -> None:
    async with services.db.transaction() as tx:
        await tx.execute(
            text(
                "INSERT INTO audit_entries (id, at, type, outcome, actor_kind, trace_id, details) "
                "SELECT gen_random_uuid(), now(), 'test.old', 'success', 'system', '0', '{}' "
                "FROM generate_series(1, 950)"
            )
        )
    async with Node(services).running():
        await chained(services)


async def test_the_chain_goes_on_where_a_killed_publisher_left_it(services: Services, database_url: str) -> None:
    async with Node(services).running():
        await record(services, "one")
        assert await chained(services) == ["one"]
    async with other_process(database_url) as process:
        await until(lambda: somebody_leads(services))
        async with Node(services).running() as node:
            assert not node.leads
            writing = asyncio.gather(*(record(services, f"n{n}") for n in range(40)))
            await until(lambda: unchained_some(services))
            process.kill()
            await writing
            await until(lambda: node.leads)
            assert len(await chained(services)) == 41


async def unchained_some(services: Services) -> bool:
    return await unchained(services) > 0


async def test_an_entry_that_was_written_since_it_was_read_is_chained_as_it_is_now(
    services: Services, node: Node
) -> None:
    """A person may be erased at the moment at which their entry is chained."""
    for n in range(20):
        await record(services, f"e{n}")
        async with services.db.transaction() as tx:
            await tx.execute(text("UPDATE audit_entries SET ip = NULL, details = '{}' WHERE number IS NULL"))
    await chained(services)


async def test_a_chain_whose_end_was_lost_goes_on_after_its_last_entry(services: Services, node: Node) -> None:
    await record(services, "one")
    assert await chained(services) == ["one"]
    async with services.db.transaction() as tx:
        await tx.execute(text("DELETE FROM audit_chain"))
    await record(services, "two")
    assert await chained(services) == ["one", "two"]


async def test_an_entry_of_a_transaction_that_was_open_for_long_is_chained(services: Services) -> None:
    async with Node(services, chaining=AuditChaining(full_seconds=2)).running():
        await record(services, "now")
        await chained(services)
        services.clock.offset -= timedelta(hours=1)
        await record(services, "began an hour ago")
        assert await chained(services) == ["now", "began an hour ago"]
