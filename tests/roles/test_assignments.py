import asyncio
from uuid import uuid4

import pytest

from app.audiences.definition import AudienceDefinition
from app.audiences.errors import AudienceNotFound
from app.audiences.own import SELF
from app.foundation.snapshot import FOLLOW_SECONDS
from app.roles.errors import LastAdministrator, RoleNotFound
from app.roles.rules import ADMIN, Held, Holdings
from app.users.errors import UserNotFound
from app.users.user import UserStatus
from tests.audiences.support import BY, opened_registry

pytestmark = pytest.mark.anyio


@pytest.fixture
async def registry(registry):
    for name in ("orders-api", "billing-api"):
        await registry.registration.create(AudienceDefinition(name=name), **BY)
    await registry.make_role("support", orders_api=["orders:write"], billing_api=["billing:write"])
    await registry.ensure_built_in()
    return registry


async def held(registry, user, audience):
    async with registry.db.transaction() as tx:
        return await registry.roles.held(tx, user.id, audience)


async def roles_of(registry, user):
    async with registry.db.transaction() as tx:
        return [(role.role, role.audience) for role in await registry.assignments.list_of(tx, user.id)]


async def test_an_assigned_role_is_held_and_recorded_with_its_subject(registry):
    ann = await registry.make_user()
    assert await registry.assign(ann, "support", "orders-api")
    assert await held(registry, ann, "orders-api") == Holdings(roles=("support",), permissions=("orders:write",))
    assert await held(registry, ann, "billing-api") == Holdings()
    (entry,) = await registry.recorded("role.assigned")
    assert entry["subject"] == ann.sub
    assert entry["details"] == {"role": "support", "audience": "orders-api"}
    assert (entry["actor_kind"], entry["actor_id"]) == ("operator", "root")


async def test_an_unlimited_role_is_held_at_every_audience(registry):
    ann = await registry.make_user()
    await registry.assign(ann, "support")
    assert (await held(registry, ann, "billing-api")).permissions == ("billing:write",)
    assert (await held(registry, ann, SELF)) == Holdings(roles=("support",))
    assert await roles_of(registry, ann) == [("support", None)]


@pytest.mark.parametrize("audience", [None, "orders-api"])
async def test_assigning_twice_assigns_once(registry, database_url, audience):
    ann = await registry.make_user()
    async with opened_registry(database_url) as other:
        done = await asyncio.gather(*(on.assign(ann, "support", audience) for on in (registry, other)))
    assert sorted(done) == [False, True]
    assert len(await registry.recorded("role.assigned")) == 1


async def test_a_removed_role_is_no_longer_held_and_the_removal_recorded_once(registry):
    ann = await registry.make_user()
    await registry.assign(ann, "support")
    assert await registry.remove(ann, "support")
    assert not await registry.remove(ann, "support")
    assert await held(registry, ann, "orders-api") == Holdings()
    (entry,) = await registry.recorded("role.removed")
    assert (entry["subject"], entry["details"]) == (ann.sub, {"role": "support"})


async def test_a_role_held_everywhere_is_not_removed_piece_by_piece(registry):
    ann = await registry.make_user()
    await registry.assign(ann, "support")
    assert not await registry.remove(ann, "support", "orders-api")
    assert (await held(registry, ann, "orders-api")).roles == ("support",)


@pytest.mark.parametrize("verb", ["assign", "remove"])
async def test_an_unknown_role_or_user_is_refused(registry, verb):
    ann = await registry.make_user()
    with pytest.raises(RoleNotFound, match="nobody"):
        await getattr(registry, verb)(ann, "nobody")
    async with registry.db.transaction() as tx:
        await registry.users.delete(tx, ann.id, **BY)
    with pytest.raises(UserNotFound):
        await getattr(registry, verb)(ann, "support")


async def test_a_role_limited_to_an_unknown_audience_is_refused(registry):
    ann = await registry.make_user()
    with pytest.raises(AudienceNotFound):
        await registry.assign(ann, "support", "nowhere")
    assert await roles_of(registry, ann) == []


async def test_a_role_made_by_another_process_a_moment_ago_counts(registry, database_url):
    ann = await registry.make_user()
    await registry.roles.refresh()
    async with opened_registry(database_url) as other:
        for name in ("second", "third"):
            await other.make_role(name, orders_api=[name])
            await other.assign(ann, name)
            assert name in (await held(registry, ann, "orders-api")).permissions


async def test_a_permission_withdrawn_elsewhere_is_gone_at_the_next_look_within_two_seconds(registry, database_url):
    assert FOLLOW_SECONDS < 2
    ann = await registry.make_user()
    await registry.assign(ann, "support")
    assert (await held(registry, ann, "orders-api")).permissions
    following = asyncio.create_task(registry.roles.follow())
    try:
        async with opened_registry(database_url) as other, asyncio.timeout(60):
            async with other.db.transaction() as tx:
                await other.role_registration.withdraw(
                    tx, "support", permission="orders:write", audience="orders-api", **BY
                )
            while (await held(registry, ann, "orders-api")).permissions:
                await asyncio.sleep(0.02)
    finally:
        following.cancel()


async def test_a_role_that_is_in_no_registry_counts_for_nothing(registry):
    assert await registry.roles.holdings(Held(roles=((uuid4(), None),)), "orders-api") == Holdings()


@pytest.mark.attack("ADM-04")
@pytest.mark.parametrize("audience", [None, SELF])
async def test_the_last_administrator_cannot_be_demoted(registry, audience):
    ann = await registry.make_user()
    await registry.assign(ann, ADMIN, audience)
    with pytest.raises(LastAdministrator) as refused:
        await registry.remove(ann, ADMIN, audience)
    assert (refused.value.status, refused.value.code) == (409, "last_administrator")
    assert await roles_of(registry, ann) == [(ADMIN, audience)]
    assert await registry.recorded("role.removed") == []


async def test_an_administrator_may_lose_one_of_two_assignments_of_the_role(registry):
    ann = await registry.make_user()
    await registry.assign(ann, ADMIN)
    await registry.assign(ann, ADMIN, SELF)
    assert await registry.remove(ann, ADMIN)
    with pytest.raises(LastAdministrator):
        await registry.remove(ann, ADMIN, SELF)


async def test_a_suspended_administrator_or_one_of_another_audience_does_not_count_as_another(registry):
    ann, bob, eve = [await registry.make_user(f"{name}@example.com") for name in ("ann", "bob", "eve")]
    await registry.assign(ann, ADMIN)
    await registry.assign(bob, ADMIN)
    await registry.assign(eve, ADMIN, "orders-api")
    async with registry.db.transaction() as tx:
        await registry.users.set_status(tx, bob.id, UserStatus.SUSPENDED, **BY)
    with pytest.raises(LastAdministrator):
        await registry.remove(ann, ADMIN)
    assert await registry.remove(eve, ADMIN, "orders-api")
    assert await registry.remove(bob, ADMIN)


@pytest.mark.attack("ADM-04")
async def test_of_two_administrators_who_demote_each_other_at_once_one_remains(registry, database_url):
    ann, bob = [await registry.make_user(f"{name}@example.com") for name in ("ann", "bob")]

    async def demote(on, user):
        try:
            return await on.remove(user, ADMIN)
        except LastAdministrator:
            return False

    async with opened_registry(database_url) as other:
        for _ in range(5):
            await registry.assign(ann, ADMIN)
            await registry.assign(bob, ADMIN)
            done = await asyncio.gather(demote(registry, ann), demote(other, bob))
            assert sorted(done) == [False, True]
