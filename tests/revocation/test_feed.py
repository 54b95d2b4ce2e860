"""One publishes, everybody follows: in order, without losing or doubling, whoever dies in between."""

import asyncio
import logging
import signal
import time
from datetime import timedelta

import pytest
from sqlalchemy import text

from app.foundation.engines.lock import Engines
from app.revocation.kinds import RevocationKind
from app.wiring import Services
from tests.revocation.conftest import Node, numbers, other_process, revoke, somebody_leads, until

pytestmark = pytest.mark.anyio

_logger = logging.getLogger(__name__)


async def test_what_is_revoked_is_heard_of_in_every_process(services: Services, node: Node) -> None:
    async with Node(services).running() as other:
        await revoke(services, "a", "b")
        await until(lambda: len(node.heard) == len(other.heard) == 2)
    assert [each.seq for each in node.heard] == [1, 2]
    # What one transaction revokes is numbered in any order.
    assert {each.target for each in node.heard} == {"a", "b"}
    assert node.heard == other.heard
    assert node.follower.as_of is not None


async def test_a_transaction_that_commits_late_gets_a_later_number_and_is_heard_of(
    services: Services, node: Node
) -> None:
    async with services.db.transaction() as tx:
        await services.revocations.add(tx, RevocationKind.SID, "late", reason="test")
        await revoke(services, "early")
        await until(lambda: len(node.heard) == 1)
    await until(lambda: len(node.heard) == 2)
    assert [(each.seq, each.target) for each in node.heard] == [(1, "early"), (2, "late")]


async def test_one_leads_and_nothing_is_numbered_twice_when_many_revoke_at_once(services: Services, node: Node) -> None:
    async with Node(services).running() as second, Node(services).running() as third:
        nodes = [node, second, third]
        await asyncio.gather(*(revoke(services, f"s{n}") for n in range(60)))
        await until(lambda: all(len(each.heard) == 60 for each in nodes))
        # Where the machine stalls another one takes over, and for a moment none or two believe that they lead.
        await until(lambda: sum(each.leads for each in nodes) == 1)
    assert [seq for seq, _ in await numbers(services)] == list(range(1, 61))
    for each in nodes:
        assert [revoked.seq for revoked in each.heard] == list(range(1, 61))
        assert {revoked.target for revoked in each.heard} == {f"s{n}" for n in range(60)}


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"])
async def test_a_publisher_that_is_killed_or_frozen_is_replaced(
    services: Services, database_url: str, blow: signal.Signals
) -> None:
    async with other_process(database_url) as process:
        await until(lambda: somebody_leads(services))
        async with Node(services).running() as node:
            await revoke(services, "before")
            await until(lambda: len(node.heard) == 1)
            assert not node.leads
            process.send_signal(blow)
            struck_at = time.monotonic()
            await revoke(services, "meanwhile")
            await until(lambda: len(node.heard) == 2)
            _logger.warning("%s: taken over after %.0f ms", blow.name, 1000 * (time.monotonic() - struck_at))
            assert node.leads
            if blow is signal.SIGSTOP:
                # It wakes up and finds its session gone: it may not number anything.
                process.send_signal(signal.SIGCONT)
            await revoke(services, "after")
            await until(lambda: len(node.heard) == 3)
    assert await numbers(services) == [(1, "before"), (2, "meanwhile"), (3, "after")]


async def test_without_anybody_to_wake_them_followers_look_by_themselves(services: Services, node: Node) -> None:
    # The services' own wake is another than the node's, and the node has no cache: only its looks can tell it.
    await revoke(services, "a")
    await until(lambda: len(node.heard) == 1)


async def test_a_commit_wakes_other_processes_by_the_cache(services: Services, engines: Engines) -> None:
    async with Node(services, redis_url=engines.redis_url).running() as node:
        listening = asyncio.create_task(services.wake.hear())
        try:
            async with asyncio.timeout(60):
                while not services.wake.is_woken:
                    await node.wake.tell()
                    await asyncio.sleep(0.01)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


async def test_who_missed_numbers_forgets_what_it_remembered(services: Services) -> None:
    node = Node(services)
    async with node.running():
        await revoke(services, "a")
        await until(lambda: len(node.heard) == 1)
    begun = node.forgot
    async with Node(services).running() as other:
        await revoke(services, "b")
        await revoke(services, "c")
        await until(lambda: len(other.heard) == 2)
        async with services.db.transaction() as tx:
            await tx.execute(text("DELETE FROM revocations WHERE target = 'b'"))
        async with node.running():
            await until(lambda: node.forgot == begun + 1)
            await revoke(services, "d")
            await until(lambda: node.heard[-1].target == "d")
    assert [each.target for each in node.heard] == ["a", "d"]


async def test_numbers_that_begin_anew_make_followers_forget(services: Services, node: Node) -> None:
    await revoke(services, "a", "b")
    await until(lambda: len(node.heard) == 2)
    begun = node.forgot
    async with services.db.transaction() as tx:
        await tx.execute(text("TRUNCATE revocations, revocation_feed"))
    await until(lambda: node.forgot == begun + 1)
    await revoke(services, "c")
    await until(lambda: len(node.heard) == 3)
    assert node.heard[-1].seq == 1


async def test_a_lost_connection_is_made_again(services: Services, node: Node) -> None:
    await until(lambda: node.leads)
    async with services.db.transaction() as tx:
        await tx.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database d ON d.oid = database "
                "WHERE locktype = 'advisory' AND granted AND datname = current_database()"
            )
        )
    await revoke(services, "a")
    await until(lambda: len(node.heard) == 1)
    assert node.leads


async def test_what_can_match_nothing_any_more_is_removed(services: Services, node: Node) -> None:
    await revoke(services, "old")
    await until(lambda: len(node.heard) == 1)
    services.clock.offset += timedelta(hours=1, minutes=7)
    await revoke(services, "new")
    report = await services.purge.run()
    assert report.removed["revocations"] == 1
    assert [target for _, target in await numbers(services)] == ["new"]
