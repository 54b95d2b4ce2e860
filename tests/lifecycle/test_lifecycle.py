import asyncio

import pytest
from sqlalchemy import text

from app.roles.errors import LastAdministrator
from app.users.errors import UserNotFound
from app.users.user import UserStatus
from tests.audiences.support import BY

pytestmark = pytest.mark.anyio


async def until_someone_waits(house):
    """Return when a statement of this database waits for another's lock."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    async with asyncio.timeout(5):
        while True:
            async with house.db.transaction() as tx:
                if await tx.scalar(waiting):
                    return
            await asyncio.sleep(0.01)


async def test_suspending_ends_every_session_and_records_both(house):
    ann, bob = [await house.registry.make_user(f"{name}@example.com") for name in ("ann", "bob")]
    first, second, _ = [await house.sign_in(user) for user in (ann, ann, bob)]
    suspended = await house.lifecycle.suspend(ann.id, **BY)
    assert suspended.status is UserStatus.SUSPENDED
    assert (await house.live(ann), await house.live(bob)) == (0, 1)
    (entry,) = await house.registry.recorded("user.suspended")
    assert (entry["subject"], entry["actor_id"]) == (ann.sub, "root")
    ended = await house.registry.recorded("session.revoked")
    assert {entry["details"]["sid"] for entry in ended} == {first.sid, second.sid}
    assert {entry["details"]["reason"] for entry in ended} == {"user_suspended"}


async def test_a_suspended_user_cannot_sign_in_and_a_reactivated_one_can_anew(house):
    ann = await house.registry.make_user()
    await house.sign_in(ann)
    await house.lifecycle.suspend(ann.id, **BY)
    assert await house.sign_in(ann) is None
    await house.lifecycle.reactivate(ann.id, **BY)
    assert await house.live(ann) == 0
    # A sign-in that began before the suspension is over; one that begins now is not.
    assert await house.sign_in(ann) is None
    assert await house.sign_in(await house.find(ann.email)) is not None
    assert len(await house.registry.recorded("user.reactivated")) == 1


async def test_suspending_and_reactivating_twice_records_once(house):
    ann = await house.registry.make_user()
    for change in (house.lifecycle.suspend, house.lifecycle.reactivate):
        await change(ann.id, **BY)
        await change(ann.id, **BY)
    assert len(await house.registry.recorded("user.suspended", "user.reactivated")) == 2


async def test_a_deleted_user_leaves_no_credential_role_or_session(house):
    ann = await house.registry.make_user()
    await house.registry.make_role("support")
    await house.registry.assign(ann, "support")
    async with house.db.transaction() as tx:
        await house.passwords.set(tx, ann.id, await house.passwords.hash("correct horse battery staple"))
    await house.sign_in(ann)
    await house.lifecycle.delete(ann.id, **BY)
    assert await house.find(ann.email) is None
    assert await house.live(ann) == 0
    async with house.db.transaction() as tx:
        assert await house.passwords.stored(tx, ann.id) is None
        assert await house.registry.assignments.list_of(tx, ann.id) == []
    entries = await house.registry.recorded("user.deleted", "session.revoked", "role.removed")
    assert sorted(entry["type"] for entry in entries) == ["role.removed", "session.revoked", "user.deleted"]
    assert {entry["subject"] for entry in entries} == {ann.sub}


async def test_a_deleted_user_cannot_sign_in(house):
    ann = await house.registry.make_user()
    await house.lifecycle.delete(ann.id, **BY)
    assert await house.sign_in(ann) is None


@pytest.mark.parametrize("verb", ["suspend", "reactivate", "delete"])
async def test_an_unknown_user_is_refused(house, verb):
    ann = await house.registry.make_user()
    await house.lifecycle.delete(ann.id, **BY)
    with pytest.raises(UserNotFound):
        await getattr(house.lifecycle, verb)(ann.id, **BY)


@pytest.mark.parametrize("verb", ["suspend", "delete"])
async def test_a_sign_in_that_comes_first_is_ended_by_the_change_that_waits_for_it(houses, verb):
    house, other = houses
    ann = await house.registry.make_user()
    async with house.db.transaction() as tx:
        session = await house.start(tx, ann)
        change = asyncio.create_task(getattr(other.lifecycle, verb)(ann.id, **BY))
        await until_someone_waits(house)
    await change
    assert session is not None
    assert await house.live(ann) == 0


async def test_a_sign_in_that_comes_second_waits_for_the_suspension_and_gets_no_session(houses):
    house, other = houses
    ann = await house.registry.make_user()
    async with house.db.transaction() as tx:
        await house.users.set_status(tx, ann.id, UserStatus.SUSPENDED, **BY)
        late = asyncio.create_task(other.sign_in(ann))
        await until_someone_waits(house)
    assert await late is None


async def test_no_session_survives_a_suspension_amid_sign_ins(houses):
    house, other = houses
    ann = await house.registry.make_user()
    sign_ins = [on.sign_in(ann) for on in houses for _ in range(6)]
    await asyncio.gather(*sign_ins[:6], other.lifecycle.suspend(ann.id, **BY), *sign_ins[6:])
    assert await house.live(ann) == 0


@pytest.mark.attack("ADM-04")
@pytest.mark.parametrize("verb", ["suspend", "delete"])
async def test_the_last_administrator_is_kept(house, verb):
    ann = await house.make_administrator("ann")
    session = await house.sign_in(ann)
    with pytest.raises(LastAdministrator) as refused:
        await getattr(house.lifecycle, verb)(ann.id, **BY)
    assert (refused.value.status, refused.value.code) == (409, "last_administrator")
    assert session is not None
    assert await house.live(ann) == 1
    assert (await house.find(ann.email)).status is UserStatus.ACTIVE


async def test_a_suspended_administrator_may_be_deleted(house):
    ann = await house.make_administrator("ann")
    await house.make_administrator("bob")
    await house.lifecycle.suspend(ann.id, **BY)
    await house.lifecycle.delete(ann.id, **BY)
    assert await house.find(ann.email) is None


@pytest.mark.attack("ADM-04")
@pytest.mark.parametrize(("first", "second"), [("suspend", "suspend"), ("delete", "suspend"), ("delete", "delete")])
async def test_of_two_administrators_who_go_at_once_one_remains(houses, first, second):
    for attempt in range(4):
        ann, bob = [await houses[0].make_administrator(f"{name}{attempt}") for name in ("ann", "bob")]

        async def go(house, verb, user):
            try:
                await getattr(house.lifecycle, verb)(user.id, **BY)
            except LastAdministrator:
                return False
            return True

        gone = await asyncio.gather(go(houses[0], first, ann), go(houses[1], second, bob))
        assert sorted(gone) == [False, True]
        # The one who remained makes room for the next attempt.
        await houses[0].make_administrator(f"next{attempt}")
        remaining = bob if gone[0] else ann
        await houses[0].lifecycle.suspend(remaining.id, **BY)
        async with houses[0].db.transaction() as tx:
            helper = await houses[0].users.find_by_email(tx, f"next{attempt}@example.com")
            await tx.execute(text("UPDATE users SET status = 'suspended' WHERE id = :id"), {"id": helper.id})


@pytest.mark.attack("ADM-04")
async def test_demoting_one_and_suspending_the_other_at_once_leaves_an_administrator(houses):
    house, other = houses
    ann, bob = [await house.make_administrator(name) for name in ("ann", "bob")]

    async def tried(change):
        try:
            await change
        except LastAdministrator:
            return False
        return True

    done = await asyncio.gather(
        tried(house.registry.remove(ann, "admin")), tried(other.lifecycle.suspend(bob.id, **BY))
    )
    assert sorted(done) == [False, True]
