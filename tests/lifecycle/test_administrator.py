import asyncio

import pytest

from app.audiences.own import SELF
from app.factors.password.errors import PasswordRefused
from app.lifecycle.errors import NotWhileSuspended
from app.roles.rules import ADMIN, ADMIN_PERMISSIONS
from app.users.email import EmailRefused
from app.users.user import Entry
from tests.audiences.support import BY

pytestmark = pytest.mark.anyio

EMAIL = "root@example.com"
PASSWORD = "correct horse battery staple"


async def create(house, password=None, email=EMAIL):
    return await house.administrators.create(email=email, password=password, **BY)


async def test_a_new_administrator_holds_every_permission_here_and_has_a_proven_address(house):
    made = await create(house, PASSWORD)
    assert made.is_new
    assert made.made_up_password is None
    assert made.user.email_verified_at is not None
    assert await house.password_is(made.user, PASSWORD)
    async with house.db.transaction() as tx:
        holdings = await house.registry.roles.held(tx, made.user.id, SELF)
    assert holdings.roles == (ADMIN,)
    assert set(holdings.permissions) == ADMIN_PERMISSIONS
    entries = await house.registry.recorded("user.created", "role.assigned", "password.changed")
    assert [entry["type"] for entry in entries] == ["user.created", "role.assigned"]
    assert {entry["actor_id"] for entry in entries} == {"root"}


@pytest.mark.attack("PWD-13")
async def test_without_a_password_one_is_made_up_that_nobody_can_guess(house):
    first, second = await create(house), await create(house, email="second@example.com")
    assert len(first.made_up_password) == 43
    assert first.made_up_password != second.made_up_password
    assert await house.password_is(first.user, first.made_up_password)
    assert first.made_up_password not in repr(first)


async def test_doing_it_again_changes_nothing(house):
    made = await create(house, PASSWORD)
    session = await house.sign_in(made.user)
    for password in (PASSWORD, None):
        again = await create(house, password)
        assert (again.is_new, again.made_up_password, again.user.id) == (False, None, made.user.id)
    assert session is not None
    assert await house.live(made.user) == 1
    assert len(await house.registry.recorded("role.assigned")) == 1
    assert await house.password_is(made.user, PASSWORD)


async def test_a_given_password_replaces_the_present_one_and_ends_the_sessions(house):
    made = await create(house, PASSWORD)
    await house.sign_in(made.user)
    await create(house, PASSWORD + " again")
    assert await house.password_is(made.user, PASSWORD + " again")
    assert await house.live(made.user) == 0
    assert len(await house.registry.recorded("password.changed")) == 1


@pytest.mark.parametrize("given", [None, PASSWORD])
async def test_who_signed_up_with_an_unproven_address_does_not_become_administrator_with_their_password(house, given):
    stranger = await house.registry.make_user(EMAIL)
    async with house.db.transaction() as tx:
        await house.passwords.set(tx, stranger.id, await house.passwords.hash("the password of a stranger"))
    await house.sign_in(stranger)
    made = await create(house, given)
    assert made.user.id == stranger.id
    assert not await house.password_is(stranger, "the password of a stranger")
    assert await house.password_is(stranger, given or made.made_up_password)
    assert await house.live(stranger) == 0
    assert made.user.email_verified_at is not None


async def test_a_verified_user_keeps_their_password(house):
    async with house.db.transaction() as tx:
        ann = await house.users.create(tx, email=EMAIL, entry=Entry.OPERATOR, verified=True, **BY)
        await house.passwords.set(tx, ann.id, await house.passwords.hash(PASSWORD))
    made = await create(house)
    assert made.made_up_password is None
    assert await house.password_is(ann, PASSWORD)


async def test_a_password_that_breaks_the_rules_is_refused(house):
    with pytest.raises(PasswordRefused):
        await create(house, "password")
    assert await house.find(EMAIL) is None


async def test_what_is_no_address_is_refused(house):
    with pytest.raises(EmailRefused):
        await create(house, PASSWORD, email="root")


async def test_a_suspended_user_is_refused(house):
    ann = await house.registry.make_user(EMAIL)
    await house.lifecycle.suspend(ann.id, **BY)
    with pytest.raises(NotWhileSuspended):
        await create(house, PASSWORD)


async def test_two_at_once_make_one_administrator(houses):
    made = await asyncio.gather(*(create(house, PASSWORD) for house in houses))
    assert sorted(one.is_new for one in made) == [False, True]
    assert len(await houses[0].registry.recorded("user.created")) == 1
    assert len(await houses[0].registry.recorded("role.assigned")) == 1
