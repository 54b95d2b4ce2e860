"""The filter in Valkey: what it spares PostgreSQL, and that no fault of it lets a revoked token through."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from redis.asyncio import Redis
from sqlalchemy import text

from app.foundation.cache import Cache, CacheUnavailable
from app.foundation.engines.lock import Engines
from app.revocation.bloom import BITS_PER_ENTRY, bits_for, expected_rate, pack
from app.revocation.filter import RevocationFilter
from app.revocation.kinds import RevocationKind
from app.revocation.service import Revocations
from app.settings import Settings
from app.wiring import Services, build
from tests.revocation.conftest import until
from tests.revocation.crowd import Crowd, Member, following, keep_up, until_clear, verified_of
from tests.support import People

pytestmark = pytest.mark.anyio


@pytest.fixture
async def crowd(services: Services, people: People) -> AsyncIterator[Crowd]:
    found = await Crowd.gather(services, people, 40)
    async with following(services):
        await until_clear(services, found.members[-1])
        yield found


async def test_a_token_that_counts_is_clear_and_a_revoked_one_is_found_before_the_act_returns(
    crowd: Crowd, services: Services
) -> None:
    assert await crowd.accepted(crowd.members) == len(crowd.members)
    for member in crowd.members[:10]:
        await crowd.revoke(member)
        assert not await services.lookup.is_clear(member.verified)
        assert await crowd.accepted([member]) == 0
    assert await crowd.accepted(crowd.members) == len(crowd.members) - 10


async def test_what_a_process_revokes_that_follows_no_feed_is_found_before_the_act_returns(
    crowd: Crowd, services: Services, settings: Settings
) -> None:
    """An operator's command, and the worker."""
    command = build(settings)
    await command.open()
    for member in crowd.members[:5]:
        async with command.db.transaction() as tx:
            await command.revocations.add(tx, RevocationKind.SID, member.sid, reason="test")
        assert not await services.lookup.is_clear(member.verified)
    await command.close()


async def test_every_kind_that_a_token_names_is_found(crowd: Crowd, services: Services) -> None:
    member, other = crowd.members[0], crowd.members[1]
    for kind, name in {
        "sid": "sid",
        "grant_id": "grant_id",
        "jti": "jti",
        "sub": "sub",
        "client_id": "client_id",
    }.items():
        claims = {**other.verified.members, name: f"other-{name}"}
        changed = verified_of(claims)
        await until_clear(services, Member("", "", changed))
        async with services.db.transaction() as tx:
            await services.revocations.add(tx, RevocationKind(kind), f"other-{name}", reason="test")
        assert not await services.lookup.is_clear(changed), kind
    await until_clear(services, member)
    async with services.db.transaction() as tx:
        await services.revocations.add(tx, RevocationKind.AUD, "orders-api", reason="test")
    # Everybody's at that audience: who holds one of before the moment is refused, by PostgreSQL's word.
    assert await crowd.accepted(crowd.members) == 0


async def test_a_filter_behind_its_feed_is_not_asked_for_the_last_word(services: Services, people: People) -> None:
    crowd = await Crowd.gather(services, people, 5)
    nowhere = Cache(None)
    async with following(services, keeps=False):
        await keep_up(services)
        await until_clear(services, crowd.members[0])
        position = services.follower.position
        # Revoked by a process without Valkey, as an operator's command: the filter does not hear of it.
        silent = Revocations(services.clock, services.wake, RevocationFilter(nowhere))
        async with services.db.transaction() as tx:
            await silent.add(tx, RevocationKind.SID, crowd.members[0].sid, reason="test")
            await tx.execute(text("UPDATE sessions SET ended_at = now() WHERE sid = :s"), {"s": crowd.members[0].sid})
        await until(lambda: services.follower.position > position)
        for member in crowd.members:
            assert not await services.lookup.is_clear(member.verified)
        assert await crowd.accepted(crowd.members) == 4
        await keep_up(services)
        await until_clear(services, crowd.members[1])
        assert not await services.lookup.is_clear(crowd.members[0].verified)


@pytest.mark.fault("F11")
async def test_valkey_flushed_while_revocations_arrive_lets_none_through(
    crowd: Crowd, services: Services, engines: Engines
) -> None:
    ended, live = crowd.members[:30], crowd.members[30:]
    done = asyncio.Event()

    async def flush() -> None:
        async with Redis.from_url(engines.redis_url) as client:
            while not done.is_set():
                await client.flushdb()
                await asyncio.sleep(0.03)

    async def revoke() -> None:
        for member in ended:
            await crowd.revoke(member)
            assert await crowd.accepted([member]) == 0
            assert await crowd.accepted(live) == len(live)
        done.set()

    await asyncio.gather(flush(), revoke())
    await until_clear(services, live[0])
    assert await crowd.accepted(ended) == 0
    assert await crowd.accepted(live) == len(live)


async def test_a_publisher_that_goes_in_mid_batch_leaves_the_rest_to_the_next_one(
    services: Services, people: People, settings: Settings
) -> None:
    crowd = await Crowd.gather(services, people, 20)
    other = build(settings)
    await other.open()
    try:
        async with following(services):
            await until_clear(services, crowd.members[-1])
            assert services.feed.publisher.leads
            async with following(other):
                storm = [f"s-{number}" for number in range(3000)]
                async with services.db.transaction() as tx:
                    await services.revocations.add_all(tx, RevocationKind.SID, storm, reason="test")
                await crowd.revoke(*crowd.members[:10])
                await _stop(services)
                await until(lambda: other.feed.publisher.leads and other.follower.position >= 3010)
                await until_clear(other, crowd.members[-1])
                names = pack(("sid", target) for target in (*storm, *(member.sid for member in crowd.members[:10])))
                found = []

                async def asked() -> bool:
                    # Many names at once: on a busy machine that may take longer than a request would wait.
                    with contextlib.suppress(CacheUnavailable):
                        assert other.follower.epoch is not None
                        found[:] = [await RevocationFilter(other.cache).ask(other.follower.epoch, names, seconds=30)]
                    return bool(found) and found[0] is not None

                await until(asked)
                assert found[0] is not None
                assert (found[0].seq, set(found[0].maybe)) == (other.follower.position, {ord("1")})
                assert await crowd.accepted(crowd.members, by=other) == 10
    finally:
        await other.close()


async def _stop(services: Services) -> None:
    """End the session that publishes, wherever it is in its work, and keep it from coming back."""
    async with services.db.transaction() as tx:
        await tx.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database d ON d.oid = database "
                "WHERE locktype = 'advisory' AND granted AND datname = current_database() AND pid <> pg_backend_pid()"
            )
        )


async def test_the_same_thing_revoked_twice_at_once_is_revoked(crowd: Crowd, services: Services) -> None:
    member = crowd.members[0]
    await asyncio.gather(*(crowd.revoke(member) for _ in range(6)))
    async with services.db.transaction() as tx:
        for _ in range(2):
            await services.revocations.add(tx, RevocationKind.SID, member.sid, reason="test")
    assert await crowd.accepted([member]) == 0
    await until_clear(services, crowd.members[1])


async def test_a_session_that_is_revoked_between_sign_in_and_first_use_opens_nothing(
    crowd: Crowd, services: Services, people: People
) -> None:
    tokens = await people.log_in(audience="orders-api")
    verified = await services.keys.verify(tokens["access_token"], typ="at+jwt", issuer=services.settings.public_url)
    fresh = Member(verified.members["sid"], tokens["access_token"], verified)
    await crowd.revoke(fresh)
    assert await crowd.accepted([fresh]) == 0


async def test_a_full_filter_is_built_anew_with_what_still_matters(services: Services, people: People) -> None:
    crowd = await Crowd.gather(services, people, 2)
    async with following(services, keeps=False):
        await keep_up(services)
        assert services.follower.epoch is not None
        stored, epoch = RevocationFilter(services.cache), services.follower.epoch
        before = await stored.apply(epoch, b"", start=0, end=0)
        assert before is not None
        many = before.bits // BITS_PER_ENTRY + 10
        for start in range(0, many, 16_000):
            names = [f"{uuid4().hex}" for _ in range(min(16_000, many - start))]
            async with services.db.transaction() as tx:
                await services.revocations.add_all(tx, RevocationKind.JTI, names, reason="test")
        await until(lambda: services.follower.position >= many)
        async with services.db.transaction() as tx:
            await tx.execute(text("UPDATE revocations SET expires_at = now() - interval '1 hour' WHERE seq % 2 = 0"))
        await keep_up(services)
        await keep_up(services)
        after = await stored.apply(epoch, b"", start=0, end=0)
        assert after is not None
        assert after.seq == services.follower.position
        assert bits_for(after.entries - 20) <= after.bits <= bits_for(after.entries)
        assert many // 2 - 20 <= after.entries <= many // 2 + 20
        await until_clear(services, crowd.members[0])


def test_few_names_that_are_not_in_it_are_taken_for_entries() -> None:
    assert bits_for(0) == bits_for(1000)
    assert bits_for(10_000_000) == 20_000_000 * BITS_PER_ENTRY
    assert expected_rate(10_000_000, bits_for(10_000_000)) < 0.0001
    assert expected_rate(10_000_000, 10_000_000 * BITS_PER_ENTRY) < 0.001
