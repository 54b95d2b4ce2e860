import asyncio
from datetime import timedelta

import httpx2
import pytest
from sqlalchemy import text

from app.audit.event import Actor, ActorKind
from app.foundation.clock import rfc3339
from app.main import create_app
from app.protocols import api_key
from app.wiring import build
from tests.apikeys.conftest import ORIGIN
from tests.support import ISSUER, bearer, problem, suspend

pytestmark = pytest.mark.anyio

OPERATOR = Actor(ActorKind.OPERATOR, "test")


@pytest.mark.spec("RFC 7662 §2.2")
async def test_a_live_key_is_described_to_the_service_that_it_is_for(people, keys, orders, services):
    user = await people.sign_up()
    ann = await people.log_in()
    ends = services.clock.now() + timedelta(days=1)
    made = await keys.make(ann, networks=["203.0.113.0/24"], expires_at=rfc3339(ends))
    told = await keys.introspect(orders, made["api_key"])
    assert told.pop("iat") <= services.clock.now().timestamp()
    assert told == {
        "active": True,
        "token_type": "api_key",
        "iss": ISSUER,
        "sub": user["sub"],
        "aud": "orders-api",
        "scope": "orders:read",
        "permissions": [],
        "jti": made["id"],
        "name": "export",
        "networks": ["203.0.113.0/24"],
        "exp": int(ends.timestamp()),
        "email": "ann@example.com",
    }


@pytest.mark.attack("API-01")
async def test_what_is_nearly_a_key_is_not_active(people, keys, orders, services):
    made = await keys.make(await people.signed_in())
    raw, found = made["api_key"], api_key.read(made["api_key"])
    assert found is not None
    guessed = api_key.write(found.row_id, "0" * 43)
    wrong = [
        raw[:-1] + ("0" if raw[-1] != "0" else "1"),
        made["prefix"],
        raw.lower(),
        raw.swapcase(),
        f" {raw}",
        f"{raw} ",
        f"{raw}\n",
        guessed,
        "",
        "ask_",
        "x" * 16_000,
        "ä",
        "\u0000"[:0],
    ]
    for text_ in wrong:
        assert await keys.introspect(orders, text_) == {"active": False}
    assert await keys.is_active(orders, raw)


@pytest.mark.attack("API-01")
async def test_a_key_in_the_query_is_never_read(people, keys, orders, api):
    made = await keys.make(await people.signed_in())
    for query in (f"api_key={made['api_key']}", f"token={made['api_key']}"):
        problem(await api.post(f"/auth/introspect?{query}", auth=orders), 400, "missing_body")


async def test_a_service_learns_nothing_about_keys_for_others(people, keys, orders, make_service):
    billing, own = await make_service("billing-api"), await make_service("self")
    ann = await people.signed_in()
    for_orders = await keys.make(ann)
    for_us = await keys.make(ann, audience=None, scopes=[])
    assert for_us["audience"] == ISSUER
    assert await keys.introspect(billing, for_orders["api_key"]) == {"active": False}
    assert await keys.introspect(orders, for_us["api_key"]) == {"active": False}
    assert (await keys.introspect(own, for_us["api_key"]))["aud"] == ISSUER


async def test_only_a_service_with_the_scope_may_ask(people, keys, make_service, api):
    made = await keys.make(await people.signed_in())
    body = {"api_key": made["api_key"]}
    for auth in (None, ("c_" + "0" * 22, "secret"), (*(await make_service())[:1], "wrong")):
        answer = await api.post("/auth/introspect", json=body, auth=auth)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Basic ")
    narrow = await make_service(scopes=("revocations:read",))
    problem(await api.post("/auth/introspect", json=body, auth=narrow), 403, "insufficient_scope")
    nobodys = await make_service(audience=None, scopes=())
    problem(await api.post("/auth/introspect", json=body, auth=nobodys), 403, "insufficient_scope")


@pytest.mark.spec("RFC 7662 §2.1")
async def test_a_form_asks_about_a_key_or_an_access_token(people, keys, orders, make_service, api):
    await people.sign_up()
    ann, there = await people.log_in(), await people.log_in(audience="orders-api")
    made = await keys.make(ann)
    form = {"token": made["api_key"], "token_type_hint": "access_token", "unknown": "ignored"}
    assert (await api.post("/auth/introspect", data=form, auth=orders)).json()["jti"] == made["id"]
    form = {"token": there["access_token"]}
    told = (await api.post("/auth/introspect", data=form, auth=orders)).json()
    assert (told["active"], told["aud"], told["token_type"]) == (True, "orders-api", "Bearer")
    assert told["scope"] == "orders:read"
    billing = await make_service("billing-api")
    for service, token in (
        (billing, there["access_token"]),
        (orders, ann["access_token"]),
        (orders, there["refresh_token"]),
        (orders, there["access_token"][:-4] + "AAAA"),
        (orders, "nonsense"),
    ):
        answer = await api.post("/auth/introspect", data={"token": token}, auth=service)
        assert answer.json() == {"active": False}
    await api.post("/auth/logout", headers=bearer(there))
    assert (await api.post("/auth/introspect", data=form, auth=orders)).json() == {"active": False}


@pytest.mark.parametrize("form", ["", "token=", "other=1"])
async def test_a_form_without_token_is_refused(orders, api, form):
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = await api.post("/auth/introspect", content=form, headers=headers, auth=orders)
    problem(answer, 400, "invalid_form")


async def test_what_the_owner_loses_the_key_loses(people, keys, orders, services):
    user = await people.sign_up()
    ann = await people.log_in()
    async with services.db.transaction() as tx:
        found = await services.users.find_by_sub(tx, user["sub"])
        await services.role_registration.create(tx, "writer", actor=OPERATOR, origin=ORIGIN)
        await services.role_registration.grant(
            tx, "writer", audience="orders-api", permission="orders:write", actor=OPERATOR, origin=ORIGIN
        )
        await services.role_assignments.assign(
            tx, user_id=found.id, role="writer", audience=None, actor=OPERATOR, origin=ORIGIN
        )
    await services.roles.refresh()
    made = await keys.make(ann, scopes=["orders:read", "orders:write"])
    told = await keys.introspect(orders, made["api_key"])
    assert (told["scope"], told["permissions"]) == ("orders:read orders:write", ["orders:write"])
    async with services.db.transaction() as tx:
        await services.role_assignments.remove(
            tx, user_id=found.id, role="writer", audience=None, actor=OPERATOR, origin=ORIGIN
        )
    told = await keys.introspect(orders, made["api_key"])
    assert (told["scope"], told["permissions"]) == ("orders:read", [])


@pytest.mark.attack("API-02")
async def test_a_key_is_refused_by_every_process_from_the_moment_that_it_ends(people, keys, orders, services, settings):
    """Revoked, expired, its owner suspended, closed or deleted: no process has an answer left over."""
    others = [build(settings) for _ in range(2)]
    try:
        for other in others:
            await other.open()
        everywhere = [services, *others]

        async def states(raw_key: str) -> set[bool]:
            return {await _asked(each, orders, raw_key) for each in everywhere for _ in range(2)}

        user = await people.sign_up()
        ann = await people.log_in()
        made = [await keys.make(ann) for _ in range(2)]
        soon = services.clock.now() + timedelta(seconds=30)
        expiring = await keys.make(ann, expires_at=rfc3339(soon))
        for key in (*made, expiring):
            assert await states(key["api_key"]) == {True}
        await keys.revoke(ann, made[0]["id"])
        assert await states(made[0]["api_key"]) == {False}
        for each in everywhere:
            each.clock.offset = timedelta(seconds=31)
        assert await states(expiring["api_key"]) == {False}
        await suspend(services, user["sub"])
        assert await states(made[1]["api_key"]) == {False}
        async with services.db.transaction() as tx:
            found = await services.users.find_by_sub(tx, user["sub"])
        await services.lifecycle.reactivate(found.id, actor=OPERATOR, origin=ORIGIN)
        # Suspending is no end: the machines of whoever comes back go on.
        assert await states(made[1]["api_key"]) == {True}
        await services.lifecycle.delete(found.id, actor=OPERATOR, origin=ORIGIN)
        assert await states(made[1]["api_key"]) == {False}
    finally:
        for other in others:
            await other.close()


async def _asked(services, service, raw_key: str) -> bool:
    transport = httpx2.ASGITransport(create_app(services=services))
    async with httpx2.AsyncClient(transport=transport, base_url=ISSUER) as client:
        answer = await client.post("/auth/introspect", json={"api_key": raw_key}, auth=service)
    assert answer.status_code == 200, answer.text
    return answer.json()["active"]


@pytest.mark.attack("API-02")
async def test_this_was_not_me_ends_every_key(people, keys, orders, services, events):
    user = await people.sign_up()
    made = await keys.make(await people.log_in())
    async with services.db.transaction() as tx:
        found = await services.users.find_by_sub(tx, user["sub"])
        url = await services.wasnt_me.link(tx, found.id)
    await services.owners_interruption.interrupt(url.partition("token=")[2], ORIGIN)
    assert not await keys.is_active(orders, made["api_key"])
    (revoked,) = await events.of("api_key.revoked")
    assert revoked["details"]["reason"] == "wasnt_me"
    (interrupted,) = await events.of("account.interrupted")
    assert interrupted["details"]["api_keys"] == 1


async def test_deleting_the_owner_leaves_no_key_and_tells_of_each(people, keys, services, events):
    user = await people.sign_up()
    await keys.make(await people.log_in())
    async with services.db.transaction() as tx:
        found = await services.users.find_by_sub(tx, user["sub"])
    await services.lifecycle.delete(found.id, actor=OPERATOR, origin=ORIGIN)
    async with services.db.transaction() as tx:
        assert await tx.scalar(text("SELECT count(*) FROM api_keys")) == 0
    (revoked,) = await events.of("api_key.revoked")
    assert revoked["details"]["reason"] == "user_deleted"


async def test_uses_are_noted_together_and_not_again_within_a_minute(people, keys, orders, services):
    ann = await people.signed_in()
    made = [await keys.make(ann) for _ in range(2)]
    assert await services.api_keys.uses.flush() == 0
    for _ in range(3):
        for key in made:
            await keys.introspect(orders, key["api_key"])
    assert {key["last_used_at"] for key in await keys.listed(ann)} == {None}
    assert await services.api_keys.uses.flush() == 2
    used = [key["last_used_at"] for key in await keys.listed(ann)]
    assert None not in used
    await keys.introspect(orders, made[0]["api_key"])
    assert await services.api_keys.uses.flush() == 0
    services.clock.offset = timedelta(seconds=61)
    await keys.introspect(orders, made[0]["api_key"])
    assert await services.api_keys.uses.flush() == 1


async def test_many_at_once_are_read_together_and_each_gets_its_own_answer(people, keys, orders, services):
    ann = await people.signed_in()
    made = [await keys.make(ann) for _ in range(8)]
    asked = [key["api_key"] for key in made] * 8 + ["ask_nothing"] * 4
    answers = await asyncio.gather(*(keys.introspect(orders, raw) for raw in asked))
    assert [told.get("jti") for told in answers] == [key["id"] for key in made] * 8 + [None] * 4


async def test_without_the_database_nothing_is_active_and_nothing_is_refused_for_good(
    people, keys, orders, api, services
):
    made = await keys.make(await people.signed_in())
    await services.db.close()
    answer = await api.post("/auth/introspect", json={"api_key": made["api_key"]}, auth=orders)
    problem(answer, 503, "database_unavailable")


async def test_what_ends_a_key_is_told_to_those_who_keep_answers(people, keys, services):
    user = await people.sign_up()
    ann = await people.log_in()
    made = [await keys.make(ann) for _ in range(2)]
    await keys.revoke(ann, made[0]["id"])
    await suspend(services, user["sub"])
    async with services.db.transaction() as tx:
        statement = text(
            "SELECT target, reason, expires_at - at AS kept FROM revocations WHERE kind = 'api_key' ORDER BY id"
        )
        rows = (await tx.execute(statement)).all()
    assert [(row.target, row.reason) for row in rows] == [
        (made[0]["id"], "revoked_by_owner"),
        (made[1]["id"], "user_suspended"),
    ]
    assert {row.kept > timedelta(seconds=300) for row in rows} == {True}


async def test_a_service_that_was_disabled_or_changed_is_asked_for_anew(people, keys, orders, services, settings, api):
    """What another process did to the client counts in this one, which had kept it."""
    made = await keys.make(await people.signed_in())
    assert await keys.is_active(orders, made["api_key"])
    other = build(settings)
    await other.open()
    try:
        async with other.db.transaction() as tx:
            await other.clients.disable(tx, orders[0], actor=OPERATOR, origin=ORIGIN)
        answer = await api.post("/auth/introspect", json={"api_key": made["api_key"]}, auth=orders)
        assert answer.status_code == 401
        async with other.db.transaction() as tx:
            await other.clients.enable(tx, orders[0], actor=OPERATOR, origin=ORIGIN)
        assert await keys.is_active(orders, made["api_key"])
    finally:
        await other.close()
