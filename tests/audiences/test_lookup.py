import asyncio

import pytest

from app.audiences.definition import AudienceDefinition
from app.audiences.errors import AudienceNotFound, InvalidTarget
from app.audiences.own import OWN_SCOPES, SELF
from app.foundation.db import DatabaseUnavailable
from app.protocols.jose.algorithms import Algorithm
from tests.audiences.support import BY, ISSUER, CountingDatabase, Registry, opened_registry

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("asked", [None, ISSUER])
async def test_no_audience_and_the_issuer_mean_this_service_itself(registry, asked):
    view = await registry.audiences.resolve(asked)
    assert (view.name, view.aud, view.algorithm, view.claims) == (SELF, ISSUER, Algorithm.RS256, ())
    assert view.scopes == OWN_SCOPES


@pytest.mark.spec("RFC 8707 §2")
@pytest.mark.parametrize(
    "asked", ["orders-apx", "self", "", " ", ISSUER + "/", ISSUER.upper(), "\x00", "\ud800", "x" * 10_000]
)
async def test_an_unknown_audience_is_refused_as_invalid_target(registry, asked):
    with pytest.raises(InvalidTarget) as refused:
        await registry.audiences.resolve(asked)
    assert (refused.value.status, refused.value.code) == (400, "invalid_target")
    assert not asked.strip() or asked not in refused.value.description


async def test_an_audience_made_by_another_process_is_found_at_once(registry, database_url):
    async with opened_registry(database_url) as other:
        await other.registration.create(
            AudienceDefinition(
                name="orders-api",
                scopes={"orders:write": "orders:write", "orders:read": None},
                signing_algorithm=Algorithm.ES256,
                access_token_seconds=300,
                claims=("tier", "email"),
            ),
            **BY,
        )
    view = await registry.audiences.resolve("orders-api")
    assert (view.name, view.aud, view.algorithm) == ("orders-api", "orders-api", Algorithm.ES256)
    assert (view.access_token_seconds, view.claims) == (300, ("email", "tier"))
    assert dict(view.scopes) == {"orders:read": None, "orders:write": "orders:write"}
    assert await registry.audiences.get("orders-api") == view


async def test_an_audience_of_an_algorithm_chosen_elsewhere_is_known_only_with_its_keys(registry, database_url):
    async with opened_registry(database_url) as other:
        await other.registration.create(AudienceDefinition(name="orders-api", signing_algorithm=Algorithm.EDDSA), **BY)
    view = await registry.audiences.resolve("orders-api")
    assert registry.keys.sign({}, algorithm=view.algorithm, typ="at+jwt")


async def test_an_audience_without_choices_has_the_deployments(registry):
    await registry.registration.create(AudienceDefinition(name="orders-api"), **BY)
    view = await registry.audiences.resolve("orders-api")
    assert (view.algorithm, view.access_token_seconds) == (Algorithm.RS256, None)


async def test_get_takes_the_stored_name_of_this_service(registry):
    assert (await registry.audiences.get(SELF)).aud == ISSUER
    with pytest.raises(InvalidTarget):
        await registry.audiences.get("orders-api")


async def test_a_change_elsewhere_is_followed(registry, database_url):
    await registry.registration.create(AudienceDefinition(name="orders-api"), **BY)
    following = asyncio.create_task(registry.audiences.follow())
    try:
        async with opened_registry(database_url) as other, asyncio.timeout(60):
            await other.registration.update(
                "orders-api", lambda d: AudienceDefinition(name=d.name, claims=("email",)), **BY
            )
            while (await registry.audiences.resolve("orders-api")).claims != ("email",):
                await asyncio.sleep(0.02)
    finally:
        following.cancel()


async def test_names_that_do_not_exist_cannot_hammer_the_database(registry):
    async def ask(name: str) -> None:
        with pytest.raises(InvalidTarget):
            await registry.audiences.resolve(name)

    await ask("nobody")
    before = registry.db.asked
    await asyncio.gather(*(ask(f"nobody-{n}") for n in range(500)))
    assert registry.db.asked == before


async def test_the_last_reading_serves_while_the_database_is_away(registry):
    await registry.registration.create(AudienceDefinition(name="orders-api"), **BY)
    await registry.db.close()
    with pytest.raises(DatabaseUnavailable):
        await registry.audiences.refresh()
    assert (await registry.audiences.resolve("orders-api")).name == "orders-api"
    assert (await registry.audiences.resolve(None)).name == SELF


async def test_an_unknown_name_is_not_called_unknown_while_the_database_is_away(registry):
    await registry.db.close()
    for _ in range(2):
        with pytest.raises(DatabaseUnavailable):
            await registry.audiences.resolve("orders-api")


async def test_following_goes_on_when_the_database_comes_back(registry, database_url):
    await registry.registration.create(AudienceDefinition(name="orders-api"), **BY)
    # Without its pool a process is as one whose database is away.
    db = CountingDatabase(database_url, pool_size=1)
    late = Registry(db)
    following = asyncio.create_task(late.audiences.follow())
    try:
        with pytest.raises(DatabaseUnavailable):
            await late.audiences.resolve("orders-api")
        await db.open()
        asked = db.asked
        async with asyncio.timeout(60):
            while db.asked < asked + 2:
                await asyncio.sleep(0.02)
        assert (await late.audiences.resolve("orders-api")).name == "orders-api"
    finally:
        following.cancel()
        await db.close()


async def test_show_and_require_know_only_what_is_registered(registry):
    await registry.registration.create(AudienceDefinition(name="orders-api"), **BY)
    async with registry.db.transaction() as tx:
        assert (await registry.audiences.show(tx, "orders-api")).name == "orders-api"
        await registry.audiences.require(tx, "orders-api")
        await registry.audiences.require(tx, SELF)
        for absent in ("orders-apx", "\x00"):
            with pytest.raises(AudienceNotFound):
                await registry.audiences.show(tx, absent)
            with pytest.raises(AudienceNotFound):
                await registry.audiences.require(tx, absent)
