"""A client's token for itself: who gets one, for whom, and how long it counts."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import httpx2
import pytest

from app.audiences.definition import AudienceDefinition
from app.audit.event import SYSTEM
from app.protocols.oauth.registration import AuthMethod
from app.wiring import Services
from tests.oauth.conftest import ORIGIN, Machine, MakeClient, refused
from tests.support import ISSUER, Events, claims_of, problem

pytestmark = pytest.mark.anyio


@pytest.mark.attack("TOK-16")
@pytest.mark.spec("RFC 9068 §2.2")
async def test_a_client_gets_a_token_of_its_own(make_client: MakeClient, machine: Machine, events: Events) -> None:
    made = await make_client()
    answer = await machine.ask(made, audience="orders-api")
    assert answer.status_code == 200, answer.text
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    body = answer.json()
    claims = claims_of(body.pop("access_token"))
    assert body == {"token_type": "Bearer", "expires_in": claims["exp"] - claims["iat"], "scope": "orders:read"}
    told = {name: claims.pop(name) for name in ("iss", "sub", "aud", "client_id", "scope", "roles", "permissions")}
    assert told == {
        "iss": ISSUER,
        "sub": made.client_id,
        "aud": "orders-api",
        "client_id": made.client_id,
        "scope": "orders:read",
        "roles": [],
        "permissions": [],
    }
    assert claims.keys() == {"exp", "iat", "jti"}
    (entry,) = await events.of("client.token_issued")
    assert (entry["actor_kind"], entry["actor_id"], entry["subject"]) == ("client", made.client_id, made.client_id)
    assert entry["details"] == {"audience": "orders-api", "scope": "orders:read", "jti": claims["jti"]}


async def test_a_service_is_told_that_the_token_lives(
    make_client: MakeClient, machine: Machine, api: httpx2.AsyncClient
) -> None:
    made = await make_client()
    token = await machine.token(made)
    answer = await api.get("/auth/validate", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    assert answer.json() == {
        "active": True,
        "sub": made.client_id,
        "aud": "orders-api",
        "scope": "orders:read",
        "roles": [],
        "exp": claims_of(token)["exp"],
    }
    problem(await api.get("/auth/me", headers={"Authorization": f"Bearer {token}"}), 401, "invalid_token")
    problem(await api.post("/auth/logout", headers={"Authorization": f"Bearer {token}"}, json={}), 401, "invalid_token")


@pytest.mark.attack("TOK-14")
async def test_a_disabled_client_gets_no_token_and_those_it_has_are_dead(
    make_client: MakeClient, machine: Machine, api: httpx2.AsyncClient, services: Services
) -> None:
    made = await make_client()
    former = {"Authorization": f"Bearer {await machine.token(made)}"}
    async with services.db.transaction() as tx:
        await services.clients.disable(tx, made.client_id, actor=SYSTEM, origin=ORIGIN)
    refused(await machine.ask(made), 401, "invalid_client")
    problem(await api.get("/auth/validate", headers=former), 401, "invalid_token")
    async with services.db.transaction() as tx:
        await services.clients.enable(tx, made.client_id, actor=SYSTEM, origin=ORIGIN)
    fresh = {"Authorization": f"Bearer {await machine.token(made)}"}
    assert (await api.get("/auth/validate", headers=fresh)).status_code == 200
    problem(await api.get("/auth/validate", headers=former), 401, "invalid_token")


async def test_a_removed_clients_tokens_are_dead(
    make_client: MakeClient, machine: Machine, api: httpx2.AsyncClient, services: Services, events: Events
) -> None:
    made = await make_client()
    former = {"Authorization": f"Bearer {await machine.token(made)}"}
    async with services.db.transaction() as tx:
        await services.clients.delete(tx, made.client_id, actor=SYSTEM, origin=ORIGIN)
    refused(await machine.ask(made), 401, "invalid_client")
    problem(await api.get("/auth/validate", headers=former), 401, "invalid_token")
    assert len(await events.of("client.deleted")) == 1


async def test_a_leaked_secret_is_replaced_and_what_it_got_ended(
    make_client: MakeClient, machine: Machine, api: httpx2.AsyncClient, services: Services
) -> None:
    made = await make_client()
    former = {"Authorization": f"Bearer {await machine.token(made)}"}
    async with services.db.transaction() as tx:
        fresh = await services.clients.rotate_secret(
            tx, made.client_id, overlap=timedelta(0), end_tokens=True, actor=SYSTEM, origin=ORIGIN
        )
    refused(await machine.ask(made), 401, "invalid_client")
    problem(await api.get("/auth/validate", headers=former), 401, "invalid_token")
    # At once, though none may be issued in the second in which the former ones were ended.
    token = await machine.token(fresh)
    assert (await api.get("/auth/validate", headers={"Authorization": f"Bearer {token}"})).status_code == 200


async def test_a_former_secret_gets_tokens_until_the_overlap_ends(
    make_client: MakeClient, machine: Machine, services: Services
) -> None:
    made = await make_client()
    await machine.token(made)
    async with services.db.transaction() as tx:
        fresh = await services.clients.rotate_secret(
            tx, made.client_id, overlap=timedelta(hours=1), actor=SYSTEM, origin=ORIGIN
        )
    await machine.token(made)
    await machine.token(fresh)
    services.clock.offset += timedelta(hours=1, seconds=1)
    refused(await machine.ask(made), 401, "invalid_client")
    await machine.token(fresh)


@pytest.mark.attack("TOK-13")
async def test_a_client_that_was_not_given_the_grant_gets_nothing(make_client: MakeClient, machine: Machine) -> None:
    made = await make_client(grant_types=(), targets={})
    refused(await machine.ask(made), 400, "unauthorized_client")
    public = await make_client(
        auth_method=AuthMethod.NONE,
        grant_types=("authorization_code",),
        redirect_uris=("com.example.app:/cb",),
        targets={},
    )
    assert public.raw_secret is None
    refused(await machine.ask(client_id=public.client_id), 400, "unauthorized_client")


async def test_the_audience_is_one_of_the_clients(make_client: MakeClient, machine: Machine) -> None:
    made = await make_client()
    assert claims_of(await machine.token(made))["aud"] == "orders-api"
    for audience in ("billing-api", "nobody", ISSUER, "self"):
        refused(await machine.ask(made, audience=audience), 400, "invalid_target")
    several = await make_client(targets={"orders-api": None, "billing-api": None})
    refused(await machine.ask(several), 400, "invalid_target")
    assert claims_of(await machine.token(several, audience="billing-api"))["aud"] == "billing-api"
    none = await make_client(targets={})
    claims = claims_of(await machine.token(none))
    assert (claims["aud"], claims["scope"]) == (ISSUER, "")


@pytest.mark.spec("RFC 8707 §2")
async def test_a_resource_is_what_the_token_names(
    make_client: MakeClient, machine: Machine, services: Services
) -> None:
    definition = AudienceDefinition(
        name="stock-api", resources=("https://stock.example.com/v1",), scopes={"stock:read": None}
    )
    await services.audience_registration.create(definition, actor=SYSTEM, origin=ORIGIN)
    made = await make_client(targets={"stock-api": None})
    claims = claims_of(await machine.token(made, resource="https://stock.example.com/v1"))
    assert (claims["aud"], claims["scope"]) == ("https://stock.example.com/v1", "stock:read")
    for resource in ("https://stock.example.com", "https://stock.example.com/v1/", "stock-api", ""):
        refused(await machine.ask(made, resource=resource), 400, "invalid_target")
    refused(await machine.ask(made, resource=["https://stock.example.com/v1"] * 2), 400, "invalid_target")
    both = {"resource": "https://stock.example.com/v1", "audience": "stock-api"}
    refused(await machine.ask(made, **both), 400, "invalid_target")


async def test_a_scope_is_one_that_the_client_holds(
    make_client: MakeClient, machine: Machine, services: Services
) -> None:
    made = await make_client(targets={"orders-api": ("orders:read", "orders:write")})
    assert claims_of(await machine.token(made))["scope"] == "orders:read orders:write"
    narrowed = claims_of(await machine.token(made, scope="orders:read"))
    assert (narrowed["scope"], narrowed["permissions"]) == ("orders:read", [])
    narrow = await make_client()
    for scope in ("orders:write", "nothing", "orders:read orders:write", "a  b", "ä", "x" * 65, 'a"b'):
        refused(await machine.ask(narrow, scope=scope), 400, "invalid_scope")


async def test_a_scope_brings_the_permission_that_it_needs(
    make_client: MakeClient, machine: Machine, services: Services
) -> None:
    definition = AudienceDefinition(name="stock-api", scopes={"stock:read": None, "stock:count": "stock.count"})
    await services.audience_registration.create(definition, actor=SYSTEM, origin=ORIGIN)
    by_default = await make_client(targets={"stock-api": None})
    assert claims_of(await machine.token(by_default))["scope"] == "stock:read"
    given = await make_client(targets={"stock-api": ("stock:count",)})
    claims = claims_of(await machine.token(given))
    assert (claims["scope"], claims["permissions"]) == ("stock:count", ["stock.count"])


async def test_tokens_asked_for_at_one_moment_are_each_recorded(
    make_client: MakeClient, machine: Machine, events: Events
) -> None:
    made, other = await make_client(), await make_client()
    tokens = await asyncio.gather(*(machine.token(which) for which in (made, other) * 40))
    issued = {claims_of(token)["jti"] for token in tokens}
    assert len(issued) == 80
    recorded = await events.of("client.token_issued")
    assert {entry["details"]["jti"] for entry in recorded} == issued  # type: ignore[index]


async def test_no_token_is_answered_that_a_change_has_overtaken(
    make_client: MakeClient, machine: Machine, api: httpx2.AsyncClient, services: Services
) -> None:
    """Clients are kept in memory; what was read before the change must not count after it."""
    made = await make_client()
    await machine.token(made)

    async def disable() -> None:
        async with services.db.transaction() as tx:
            await services.clients.disable(tx, made.client_id, actor=SYSTEM, origin=ORIGIN)

    answers, _ = await asyncio.gather(asyncio.gather(*(machine.ask(made) for _ in range(60))), disable())
    assert {answer.status_code for answer in answers} <= {200, 401}
    for answer in answers:
        if answer.status_code == 200:
            headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
            problem(await api.get("/auth/validate", headers=headers), 401, "invalid_token")
    refused(await machine.ask(made), 401, "invalid_client")


async def test_a_change_of_the_client_counts_at_once(
    make_client: MakeClient, machine: Machine, services: Services
) -> None:
    made = await make_client()
    assert claims_of(await machine.token(made))["scope"] == "orders:read"
    async with services.db.transaction() as tx:
        former = await services.clients.get(tx, made.client_id)
        changed = replace(former.definition, targets={"orders-api": ("orders:write",)})
        await services.clients.update(tx, made.client_id, changed, actor=SYSTEM, origin=ORIGIN)
    assert claims_of(await machine.token(made))["scope"] == "orders:write"


async def test_what_a_client_was_given_a_moment_ago_is_there(
    make_client: MakeClient, machine: Machine, services: Services
) -> None:
    made = await make_client()
    await machine.token(made)
    wanted = {"audience": "billing-api", "scope": "billing:read"}
    refused(await machine.ask(made, **wanted), 400, "invalid_target")
    async with services.db.transaction() as tx:
        former = await services.clients.get(tx, made.client_id)
        changed = replace(former.definition, targets={"orders-api": None, "billing-api": ("billing:read",)})
        await services.clients.update(tx, made.client_id, changed, actor=SYSTEM, origin=ORIGIN)
    assert claims_of(await machine.token(made, **wanted))["aud"] == "billing-api"
