import asyncio

import pytest

from app.audiences.definition import AudienceDefinition
from app.audiences.errors import AudienceNotFound
from app.audiences.own import SELF
from app.roles.errors import BuiltInRole, InvalidRole, RoleExists, RoleNotFound
from app.roles.rules import ADMIN, ADMIN_PERMISSIONS
from tests.audiences.support import BY, opened_registry

pytestmark = pytest.mark.anyio


@pytest.fixture
async def registry(registry):
    await registry.registration.create(AudienceDefinition(name="orders-api"), **BY)
    return registry


async def listed(registry):
    async with registry.db.transaction() as tx:
        return {role.name: role.permissions for role in await registry.role_registration.list_all(tx)}


async def grant(registry, role="support", permission="orders:write", audience="orders-api"):
    async with registry.db.transaction() as tx:
        return await registry.role_registration.grant(tx, role, permission=permission, audience=audience, **BY)


async def withdraw(registry, role="support", permission="orders:write", audience="orders-api"):
    async with registry.db.transaction() as tx:
        return await registry.role_registration.withdraw(tx, role, permission=permission, audience=audience, **BY)


async def test_a_role_is_created_with_permissions_and_each_step_is_recorded(registry):
    await registry.make_role("support", orders_api=["orders:write", "orders:read"])
    assert await listed(registry) == {"support": {"orders-api": ["orders:read", "orders:write"]}}
    entries = await registry.recorded("role.created", "role.permission_granted")
    assert [entry["details"] for entry in entries] == [
        {"role": "support"},
        {"role": "support", "audience": "orders-api", "permission": "orders:write"},
        {"role": "support", "audience": "orders-api", "permission": "orders:read"},
    ]
    assert {entry["actor_id"] for entry in entries} == {"root"}


async def test_a_taken_role_name_is_refused(registry):
    await registry.make_role("support")
    with pytest.raises(RoleExists):
        await registry.make_role("support")


async def test_a_malformed_role_name_is_refused(registry):
    with pytest.raises(InvalidRole):
        await registry.make_role("a b")
    assert await listed(registry) == {}


async def test_granting_twice_grants_once(registry):
    await registry.make_role("support")
    assert await grant(registry)
    assert not await grant(registry)
    assert len(await registry.recorded("role.permission_granted")) == 1


@pytest.mark.parametrize(
    ("wrong", "refusal"),
    [
        ({"role": "nobody"}, RoleNotFound),
        ({"role": "\x00"}, RoleNotFound),
        ({"audience": "nowhere"}, AudienceNotFound),
        ({"permission": "a b"}, InvalidRole),
        ({"permission": "orders:write", "audience": SELF}, InvalidRole),
    ],
)
async def test_a_grant_of_what_does_not_exist_is_refused(registry, wrong, refusal):
    await registry.make_role("support")
    with pytest.raises(refusal):
        await grant(registry, **wrong)


async def test_a_withdrawn_permission_is_gone_and_recorded(registry):
    await registry.make_role("support", orders_api=["orders:write"])
    assert await withdraw(registry)
    assert not await withdraw(registry)
    assert await listed(registry) == {"support": {}}
    (entry,) = await registry.recorded("role.permission_withdrawn")
    assert entry["details"]["permission"] == "orders:write"


async def test_withdrawing_from_an_unknown_role_is_refused(registry):
    with pytest.raises(RoleNotFound):
        await withdraw(registry)


async def test_the_built_in_admin_holds_every_permission_of_this_service(registry, database_url):
    async with opened_registry(database_url) as other:
        await asyncio.gather(registry.ensure_built_in(), other.ensure_built_in())
    await registry.ensure_built_in()
    assert await listed(registry) == {ADMIN: {SELF: sorted(ADMIN_PERMISSIONS)}}
    assert len(await registry.recorded("role.created")) == 1
    assert len(await registry.recorded("role.permission_granted")) == len(ADMIN_PERMISSIONS)


async def test_a_permission_that_a_release_adds_reaches_the_built_in_admin(registry):
    await registry.make_role(ADMIN, self=["admin:users:read"])
    await registry.ensure_built_in()
    assert (await listed(registry))[ADMIN][SELF] == sorted(ADMIN_PERMISSIONS)


async def test_the_built_in_admin_cannot_lose_what_it_holds_here(registry):
    await registry.ensure_built_in()
    with pytest.raises(BuiltInRole):
        await withdraw(registry, role=ADMIN, permission="admin:users:read", audience=SELF)


async def test_the_built_in_admin_may_gain_and_lose_permissions_elsewhere(registry):
    await registry.ensure_built_in()
    assert await grant(registry, role=ADMIN)
    assert await withdraw(registry, role=ADMIN)
