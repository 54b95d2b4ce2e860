import asyncio
from datetime import timedelta

import pyotp
import pytest
from sqlalchemy import text

from app.audit.event import Actor, ActorKind
from app.foundation.clock import rfc3339
from tests.apikeys.conftest import ORIGIN, Keys
from tests.support import bearer, problem

pytestmark = pytest.mark.anyio

OPERATOR = Actor(ActorKind.OPERATOR, "test")


async def may_write_orders(services, sub: str) -> None:
    async with services.db.transaction() as tx:
        user = await services.users.find_by_sub(tx, sub)
        await services.role_registration.create(tx, "writer", actor=OPERATOR, origin=ORIGIN)
        await services.role_registration.grant(
            tx, "writer", audience="orders-api", permission="orders:write", actor=OPERATOR, origin=ORIGIN
        )
        await services.role_assignments.assign(
            tx, user_id=user.id, role="writer", audience=None, actor=OPERATOR, origin=ORIGIN
        )
    await services.roles.refresh()


@pytest.mark.attack("API-04")
async def test_a_key_is_shown_once_and_kept_as_a_hash(people, keys, services):
    ann = await people.signed_in()
    made = await keys.make(ann, networks=["203.0.113.7", "2001:db8::/32"])
    assert made["api_key"].startswith(made["prefix"] + "_")
    assert made["prefix"] == f"ask_{made['id']}"
    assert len(made["api_key"]) == 76
    assert made["networks"] == ["203.0.113.7/32", "2001:db8::/32"]
    (listed,) = await keys.listed(ann)
    assert "api_key" not in listed
    assert listed == {name: value for name, value in made.items() if name != "api_key"}
    secret = made["api_key"].removeprefix(made["prefix"])
    async with services.db.transaction() as tx:
        for table in ("api_keys", "audit_entries", "events"):
            rows = (await tx.execute(text(f"SELECT t::text FROM (SELECT * FROM {table}) t"))).scalars().all()
            assert rows
            assert secret not in str(rows)


async def test_a_key_is_told_of_by_events_that_name_it(people, keys, events):
    ann = await people.signed_in()
    made = await keys.make(ann)
    assert (await keys.revoke(ann, made["id"])).status_code == 204
    assert (await keys.revoke(ann, made["id"])).status_code == 204
    created, revoked = await events.of("api_key.created", "api_key.revoked")
    assert created["details"] == {
        "key_id": made["id"],
        "name": "export",
        "audience": "orders-api",
        "scopes": ["orders:read"],
    }
    assert revoked["details"]["reason"] == "revoked_by_owner"
    assert created["subject"] == revoked["subject"] == revoked["actor_id"]


@pytest.mark.attack("API-03")
async def test_a_key_holds_no_more_than_its_owner(people, keys, services):
    user = await people.sign_up()
    ann = await people.log_in()
    problem(await keys.ask(ann, scopes=["orders:write"]), 403, "scope_not_held")
    problem(await keys.ask(ann, audience=None, scopes=["admin:users:read"]), 403, "scope_not_held")
    problem(await keys.ask(ann, scopes=["orders:fly"]), 400, "invalid_scope")
    problem(await keys.ask(ann, scopes=["billing:read"]), 400, "invalid_scope")
    problem(await keys.ask(ann, audience="nobody"), 400, "invalid_target")
    await may_write_orders(services, user["sub"])
    assert (await keys.make(ann, scopes=["orders:write", "orders:write"]))["scopes"] == ["orders:write"]


@pytest.mark.attack("API-03")
@pytest.mark.parametrize("field", ["user_id", "owner", "sub", "client_id", "id", "api_key"])
async def test_the_owner_is_always_the_caller(people, keys, field):
    bob = await people.signed_in("bob@example.com")
    ann = await people.signed_in()
    problem(await keys.ask(ann, **{field: "somebody else"}), 422, "validation_failed")
    made = await keys.make(ann)
    assert await keys.listed(bob) == []
    problem(await keys.revoke(bob, made["id"]), 404, "api_key_not_found")
    problem(await keys.rotate(bob, made["id"]), 404, "api_key_not_found")


@pytest.mark.attack("API-03")
async def test_a_session_that_was_narrowed_makes_no_broader_key(people, keys, services):
    user = await people.sign_up()
    await may_write_orders(services, user["sub"])
    whole = await keys.make(await people.log_in(), scopes=["orders:read", "orders:write"])
    narrowed = await people.log_in(scope="admin:users:read")
    problem(await keys.ask(narrowed), 403, "scope_not_held")
    problem(await keys.rotate(narrowed, whole["id"]), 403, "scope_not_held")
    assert (await keys.make(narrowed, scopes=[]))["scopes"] == []


async def test_a_key_takes_a_recent_sign_in(people, keys, services):
    ann = await people.signed_in()
    made = await keys.make(ann)
    services.clock.offset = timedelta(seconds=570)
    await keys.make(ann)
    # The access token lives as long as a sign-in is recent: a younger token of an older sign-in asks.
    services.clock.offset = timedelta(seconds=300)
    refreshed = await keys._api.post("/auth/refresh", json={"refresh_token": ann["refresh_token"]})
    services.clock.offset = timedelta(seconds=660)
    body = problem(await keys.ask(refreshed.json()), 401, "insufficient_user_authentication")
    assert body
    problem(await keys.rotate(refreshed.json(), made["id"]), 401, "insufficient_user_authentication")
    assert (await keys.revoke(refreshed.json(), made["id"])).status_code == 204


async def test_a_token_for_another_audience_or_none_makes_no_key(people, keys, api):
    await people.sign_up()
    orders = await people.log_in(audience="orders-api")
    problem(await keys.ask(orders), 401, "invalid_token")
    problem(await api.get("/auth/api-keys"), 401, "missing_token")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"name": ""}, "invalid_api_key_definition"),
        ({"name": "two\nlines"}, "invalid_api_key_definition"),
        ({"name": "x" * 129}, "invalid_api_key_definition"),
        ({"networks": ["203.0.113.7/24"]}, "invalid_api_key_definition"),
        ({"networks": ["::ffff:203.0.113.0/120"]}, "invalid_api_key_definition"),
        ({"networks": ["fe80::1%eth0"]}, "invalid_api_key_definition"),
        ({"networks": ["everywhere"]}, "invalid_api_key_definition"),
        ({"networks": ["203.0.113.7"] * 65}, "validation_failed"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "invalid_api_key_definition"),
        ({"expires_at": "9999-01-01T00:00:00Z"}, "invalid_api_key_definition"),
        ({"expires_at": "2030-01-01T00:00:00"}, "validation_failed"),
        ({"expires_at": "2030-01-01"}, "validation_failed"),
        ({"expires_at": 1893456000}, "validation_failed"),
        ({"scopes": "orders:read"}, "validation_failed"),
        ({"scopes": ["x" * 65]}, "validation_failed"),
    ],
)
async def test_what_breaks_a_rule_is_refused_by_the_field(steady_api, steady_services, steady_tokens, fields, code):
    body = problem(await Keys(steady_api, steady_services).ask(steady_tokens, **fields), 422, code)
    assert body["errors"][0]["pointer"].startswith(f"/{next(iter(fields))}")


async def test_an_owner_has_a_limit_of_keys_however_many_ask_at_once(people, keys, services):
    ann = await people.signed_in()
    services.api_keys.issuance._per_owner = 3
    answers = await asyncio.gather(*(keys.ask(ann) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [409] * 5
    problem(await keys.ask(ann), 409, "api_key_limit")
    made = await keys.listed(ann)
    # Rotating needs no room: the old one is on its way out.
    assert (await keys.rotate(ann, made[0]["id"])).status_code == 201
    problem(await keys.ask(ann), 409, "api_key_limit")
    await keys.revoke(ann, made[1]["id"])
    await keys.make(ann)


async def test_the_list_is_paged_newest_first(people, keys, api):
    ann = await people.signed_in()
    made = [(await keys.make(ann))["id"] for _ in range(3)]
    first = (await api.get("/auth/api-keys?limit=2", headers=bearer(ann))).json()
    rest = (await api.get(f"/auth/api-keys?limit=2&after={first['next']}", headers=bearer(ann))).json()
    assert [key["id"] for key in [*first["items"], *rest["items"]]] == made[::-1]
    assert rest["next"] is None
    shown = await api.get(f"/auth/api-keys/{made[0]}", headers=bearer(ann))
    assert shown.json()["id"] == made[0]
    for unknown in ("0" * 22, "z" * 22, "nothing"):
        problem(await api.get(f"/auth/api-keys/{unknown}", headers=bearer(ann)), 404, "api_key_not_found")


@pytest.mark.attack("API-07")
async def test_both_keys_count_until_the_overlap_ends_and_then_only_the_new(people, keys, orders, services, events):
    ann = await people.signed_in()
    old = await keys.make(ann, networks=["203.0.113.0/24"])
    answer = await keys.rotate(ann, old["id"], overlap_seconds=120)
    assert answer.status_code == 201
    new = answer.json()
    assert new["id"] != old["id"]
    assert (new["scopes"], new["networks"], new["audience"]) == (old["scopes"], old["networks"], old["audience"])
    assert [await keys.is_active(orders, key["api_key"]) for key in (old, new)] == [True, True]
    services.clock.offset = timedelta(seconds=90)
    assert [await keys.is_active(orders, key["api_key"]) for key in (old, new)] == [True, True]
    services.clock.offset = timedelta(seconds=121)
    assert [await keys.is_active(orders, key["api_key"]) for key in (old, new)] == [False, True]
    listed = {key["id"]: key for key in await keys.listed(ann)}
    assert (listed[old["id"]]["state"], listed[old["id"]]["replaced_by"]) == ("expired", new["id"])
    (rotated,) = await events.of("api_key.rotated")
    assert rotated["details"]["successor_id"] == new["id"]
    problem(await keys.rotate(ann, old["id"]), 409, "api_key_over")


@pytest.mark.attack("API-07")
async def test_of_many_rotations_at_once_one_makes_a_key(people, keys):
    ann = await people.signed_in()
    made = await keys.make(ann)
    answers = await asyncio.gather(*(keys.rotate(ann, made["id"]) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 5


async def test_a_rotation_lengthens_no_life_and_the_overlap_neither(people, keys, services):
    ann = await people.signed_in()
    ends = services.clock.now() + timedelta(seconds=100)
    old = await keys.make(ann, expires_at=rfc3339(ends))
    services.clock.offset = timedelta(seconds=50)
    new = (await keys.rotate(ann, old["id"])).json()
    assert {key["id"]: key["expires_at"] for key in await keys.listed(ann)}[old["id"]] == old["expires_at"]
    assert new["expires_at"] is not None
    await keys.revoke(ann, new["id"])
    problem(await keys.rotate(ann, new["id"]), 409, "api_key_over")


async def test_an_owner_with_a_second_factor_proves_it_for_a_key(people, keys, api):
    ann = await people.signed_in()
    elsewhere = await people.log_in()
    begun = await api.post("/auth/mfa/totp", headers=bearer(ann))
    code = pyotp.TOTP(begun.json()["secret"]).now()
    confirmed = await api.post("/auth/mfa/totp/confirm", json={"code": code}, headers=bearer(ann))
    assert confirmed.status_code == 200, confirmed.text
    assert (await keys.ask(ann)).status_code == 201
    problem(await keys.ask(elsewhere), 401, "insufficient_user_authentication")


async def test_a_session_that_ends_meanwhile_leaves_no_key_behind(people, keys, services):
    ann = await people.signed_in()
    async with services.db.transaction() as tx:
        user = await services.users.find_by_email(tx, "ann@example.com")
        await services.users.hold(tx, user.id)
        asked = asyncio.create_task(keys.ask(ann))
        await blocked(services, tx)
        interruption = services.owners_interruption._interruption
        await interruption.end_everything(tx, user, reason="wasnt_me", actor=OPERATOR, origin=ORIGIN)
        await interruption.end_keys(tx, user, reason="wasnt_me", actor=OPERATOR, origin=ORIGIN)
    problem(await asked, 401, "missing_token")
    async with services.db.transaction() as tx:
        assert await tx.scalar(text("SELECT count(*) FROM api_keys")) == 0


async def blocked(services, tx) -> None:
    """Wait until somebody waits for a lock that this transaction holds."""
    for _ in range(1000):
        waiting = await tx.scalar(
            text(
                "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = ANY("
                "SELECT pid FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid)))"
            )
        )
        if waiting:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("nobody waits")
