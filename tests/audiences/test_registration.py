import asyncio
from dataclasses import replace

import pytest

from app.audiences.definition import AudienceDefinition
from app.audiences.errors import AudienceClash, AudienceExists, AudienceNotFound, InvalidAudience
from app.foundation.errors import StartupRefused
from app.protocols.jose.algorithms import Algorithm
from tests.audiences.support import BY, ISSUER, opened_registry

pytestmark = pytest.mark.anyio

ORDERS = AudienceDefinition(
    name="orders-api",
    resources=("https://orders.example.com",),
    scopes={"orders:read": None, "orders:write": "orders:write"},
    signing_algorithm=Algorithm.ES256,
    access_token_seconds=300,
    claims=("email",),
)


async def stored(registry, name="orders-api"):
    async with registry.db.transaction() as tx:
        return await registry.audiences.show(tx, name)


async def test_a_created_audience_is_stored_whole_and_recorded_once(registry):
    await registry.registration.create(ORDERS, **BY)
    assert await stored(registry) == ORDERS
    (entry,) = await registry.recorded("audience.created")
    assert (entry["actor_kind"], entry["actor_id"]) == ("operator", "root")
    assert entry["details"] == {"audience": "orders-api", "definition": ORDERS.as_json()}


async def test_keys_of_the_chosen_algorithm_are_made_sure_of(registry):
    await registry.registration.create(ORDERS, **BY)
    await registry.registration.update("orders-api", lambda d: replace(d, signing_algorithm=Algorithm.EDDSA), **BY)
    made = {key.algorithm for key in await registry.keys.list_all()}
    assert made == {Algorithm.ES256, Algorithm.EDDSA}


async def test_a_taken_name_is_refused(registry):
    await registry.registration.create(ORDERS, **BY)
    with pytest.raises(AudienceExists):
        await registry.registration.create(AudienceDefinition(name="orders-api"), **BY)
    assert await stored(registry) == ORDERS


async def test_a_definition_that_breaks_a_rule_is_refused_and_leaves_nothing(registry):
    with pytest.raises(InvalidAudience):
        await registry.registration.create(AudienceDefinition(name="self"), **BY)
    async with registry.db.transaction() as tx:
        assert await registry.audiences.list_all(tx) == []
    assert await registry.recorded("audience.created") == []


@pytest.mark.parametrize(
    "clashing",
    [
        AudienceDefinition(name=ISSUER),
        AudienceDefinition(name=ISSUER.replace("auth", "AUTH") + "/"),
        AudienceDefinition(name="billing-api", resources=(ISSUER,)),
        AudienceDefinition(name="https://orders.example.com"),
        AudienceDefinition(name="Orders-API"),
        AudienceDefinition(name="billing-api", resources=("https://orders.example.com/",)),
    ],
)
async def test_what_would_make_two_audiences_the_same_in_a_token_is_refused(registry, clashing):
    await registry.registration.create(ORDERS, **BY)
    with pytest.raises(AudienceClash):
        await registry.registration.create(clashing, **BY)


async def test_a_resource_equal_to_another_audiences_name_is_refused(registry):
    await registry.registration.create(AudienceDefinition(name="https://orders.example.com"), **BY)
    with pytest.raises(AudienceClash):
        await registry.registration.create(ORDERS, **BY)


async def test_an_update_changes_only_what_it_says_and_records_both_states(registry):
    await registry.registration.create(ORDERS, **BY)
    wanted = await registry.registration.update(
        "orders-api", lambda d: replace(d, scopes={**d.scopes, "orders:refund": "orders:refund"}), **BY
    )
    assert await stored(registry) == wanted
    assert wanted.resources == ORDERS.resources
    assert "orders:refund" in (await registry.audiences.resolve("orders-api")).scopes
    (entry,) = await registry.recorded("audience.updated")
    assert entry["details"]["before"] == ORDERS.as_json()
    assert entry["details"]["definition"] == wanted.as_json()


async def test_an_update_that_changes_nothing_records_nothing(registry):
    await registry.registration.create(ORDERS, **BY)
    await registry.registration.update("orders-api", lambda d: d, **BY)
    assert await registry.recorded("audience.updated") == []


async def test_an_update_of_an_unknown_audience_is_refused(registry):
    with pytest.raises(AudienceNotFound):
        await registry.registration.update("orders-api", lambda d: d, **BY)


async def test_an_update_to_a_taken_resource_is_refused(registry):
    await registry.registration.create(ORDERS, **BY)
    await registry.registration.create(AudienceDefinition(name="billing-api"), **BY)
    with pytest.raises(AudienceClash):
        await registry.registration.update("billing-api", lambda d: replace(d, resources=ORDERS.resources), **BY)


async def test_concurrent_updates_lose_none_of_each_other(registry, database_url):
    await registry.registration.create(AudienceDefinition(name="orders-api"), **BY)

    async def add(on, scope):
        await on.registration.update("orders-api", lambda d: replace(d, scopes={**d.scopes, scope: None}), **BY)

    async with opened_registry(database_url) as other:
        await asyncio.gather(*(add(on, f"s{n}") for n, on in enumerate([registry, other] * 3)))
    assert set((await stored(registry)).scopes) == {f"s{n}" for n in range(6)}


async def test_of_concurrent_claims_to_one_resource_one_wins(registry, database_url):
    async def claim(on, n):
        try:
            await on.registration.create(
                AudienceDefinition(name=f"api-{n}", resources=("https://one.example.com",)), **BY
            )
        except AudienceClash:
            return False
        return True

    async with opened_registry(database_url) as other:
        won = await asyncio.gather(*(claim(on, n) for n, on in enumerate([registry, other] * 3)))
    assert won.count(True) == 1


async def test_declaring_is_idempotent_also_at_the_same_moment(registry, database_url):
    declared = [ORDERS, AudienceDefinition(name="billing-api")]
    async with opened_registry(database_url) as other:
        await asyncio.gather(*(on.registration.declare(declared, **BY) for on in (registry, other)))
    await registry.registration.declare(declared, **BY)
    async with registry.db.transaction() as tx:
        assert [d.name for d in await registry.audiences.list_all(tx)] == ["billing-api", "orders-api"]
    assert len(await registry.recorded("audience.created")) == 2
    assert await registry.recorded("audience.updated") == []


async def test_declaring_replaces_what_differs_and_leaves_what_is_not_declared(registry):
    await registry.registration.create(replace(ORDERS, scopes={"old": None}), **BY)
    await registry.registration.create(AudienceDefinition(name="by-hand"), **BY)
    await registry.registration.declare([ORDERS], **BY)
    assert await stored(registry) == ORDERS
    assert (await stored(registry, "by-hand")).name == "by-hand"


async def test_a_declaration_with_a_clash_does_nothing_of_it(registry):
    with pytest.raises(StartupRefused, match=r"AUDIENCES__DECLARED.*issuer"):
        await registry.registration.declare([ORDERS, AudienceDefinition(name=ISSUER)], **BY)
    async with registry.db.transaction() as tx:
        assert await registry.audiences.list_all(tx) == []
