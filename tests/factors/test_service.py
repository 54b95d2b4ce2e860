"""Verifying by any factor."""

import pytest

from app.factors.factor import FactorName, Presented
from app.users.user import User
from app.wiring import Services
from tests.support import PASSWORD, People

pytestmark = pytest.mark.anyio


async def _ann(people: People, services: Services) -> User:
    await people.sign_up()
    async with services.db.transaction() as tx:
        user = await services.users.find_by_email(tx, "ann@example.com")
    assert user is not None
    return user


async def test_a_password_proves_its_user(people: People, services: Services) -> None:
    ann = await _ann(people, services)
    presented = await services.factors.weigh("password", ann, Presented(code=PASSWORD))
    async with services.db.transaction() as tx:
        assert await services.factors.enrolled(tx, ann.id) == (FactorName.PASSWORD,)
        assert await services.factors.second(tx, ann.id) == ()
        proof = await services.factors.verify(tx, "password", ann, presented, bound_to="test:1")
    assert proof is not None
    assert proof.evidence.amr == ("pwd",)


@pytest.mark.parametrize("code", ["wrong", "", None])
async def test_a_wrong_password_proves_nothing(people: People, services: Services, code: str | None) -> None:
    ann = await _ann(people, services)
    presented = await services.factors.weigh("password", ann, Presented(code=code))
    async with services.db.transaction() as tx:
        assert await services.factors.verify(tx, "password", ann, presented, bound_to="test:1") is None


async def test_a_password_that_was_not_weighed_proves_nothing(people: People, services: Services) -> None:
    ann = await _ann(people, services)
    async with services.db.transaction() as tx:
        assert await services.factors.verify(tx, "password", ann, Presented(code=PASSWORD), bound_to="test:1") is None


async def test_a_password_changed_since_it_was_weighed_proves_nothing(people: People, services: Services) -> None:
    ann = await _ann(people, services)
    presented = await services.factors.weigh("password", ann, Presented(code=PASSWORD))
    other = await services.passwords.hash("another battery staple horse")
    async with services.db.transaction() as tx:
        await services.passwords.set(tx, ann.id, other)
        assert await services.factors.verify(tx, "password", ann, presented, bound_to="test:1") is None


async def test_a_factor_that_does_not_exist_proves_nothing(people: People, services: Services) -> None:
    ann = await _ann(people, services)
    presented = await services.factors.weigh("retina", ann, Presented(code="123456"))
    async with services.db.transaction() as tx:
        assert await services.factors.begin(tx, "retina", ann, bound_to="test:1") is None
        assert await services.factors.verify(tx, "retina", ann, presented, bound_to="test:1") is None
