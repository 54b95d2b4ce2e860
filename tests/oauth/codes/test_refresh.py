"""Refreshing by clients: what goes on, what ends, and what a theft ends. Rows REF-01 to REF-05, REF-10."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from app.audit.event import SYSTEM, Actor, ActorKind
from app.clients.service import NewCredentials
from app.protocols.oauth.registration import AuthMethod
from app.wiring import Services
from tests.oauth.codes.conftest import CALLBACK, AtBrowser, IssueCode, Redeem, SignIn, refresh
from tests.oauth.conftest import ORIGIN, MakeClient, refused
from tests.support import Events, bearer, claims_of

pytestmark = pytest.mark.anyio

OFFLINE = ("openid", "orders:read", "offline_access")


@pytest.mark.spec("RFC 6749 §6")
@pytest.mark.spec("OpenID Connect Core §12.2")
@pytest.mark.attack("OIP-05")
async def test_a_refresh_brings_tokens_of_the_same_sign_in(
    at_browser: SignIn, web_app: NewCredentials, issue_code: IssueCode, redeem: Redeem, api: httpx2.AsyncClient
) -> None:
    person = await at_browser()
    first = (await redeem(await issue_code(person, web_app.client_id), web_app)).json()
    again = await refresh(api, web_app, first)
    assert again.status_code == 200, again.text
    assert again.headers["cache-control"] == "no-store"
    second = again.json()
    assert second["refresh_token"] != first["refresh_token"]
    old, new = claims_of(first["id_token"]), claims_of(second["id_token"])
    for name in ("iss", "sub", "aud", "azp", "auth_time", "acr", "amr", "sid"):
        assert old[name] == new[name], name
    assert "nonce" not in new
    assert second["scope"] == first["scope"]
    # The answer may have been lost: the very same successor comes again.
    assert (await refresh(api, web_app, first)).json()["refresh_token"] == second["refresh_token"]


@pytest.mark.attack("REF-03")
async def test_a_refresh_narrows_and_never_widens(
    at_browser: SignIn,
    make_client: MakeClient,
    issue_code: IssueCode,
    redeem: Redeem,
    api: httpx2.AsyncClient,
    services: Services,
) -> None:
    person = await at_browser()
    client = await make_client(
        grant_types=("authorization_code", "refresh_token"),
        redirect_uris=(CALLBACK,),
        targets={"orders-api": ("orders:read", "orders:write"), "billing-api": None},
    )
    code = await issue_code(
        person, client.client_id, audience=await services.audiences.get("orders-api"), scope=("openid", "orders:read")
    )
    tokens = (await redeem(code, client)).json()
    for scope in ("orders:write", "openid orders:read email", "offline_access"):
        refused(await refresh(api, client, tokens, scope=scope), 400, "invalid_scope")
    for sent in ({"audience": "billing-api"}, {"audience": "nowhere"}, {"resource": "https://x.example"}):
        refused(await refresh(api, client, tokens, **sent), 400, "invalid_target")
    narrow = (await refresh(api, client, tokens, scope="orders:read")).json()
    assert (narrow["scope"], "id_token" in narrow) == ("orders:read", False)
    # Narrowed was that one access token, not the grant.
    assert (await refresh(api, client, narrow)).json()["scope"] == "openid orders:read"


@pytest.mark.attack("REF-01")
@pytest.mark.attack("REF-02")
async def test_whoever_should_not_have_a_refresh_token_ends_what_it_hangs_from(
    at_browser: SignIn,
    web_app: NewCredentials,
    make_client: MakeClient,
    issue_code: IssueCode,
    redeem: Redeem,
    api: httpx2.AsyncClient,
    services: Services,
    events: Events,
) -> None:
    other = await make_client(grant_types=("authorization_code", "refresh_token"), redirect_uris=(CALLBACK,))
    person = await at_browser()

    async def tokens(scope: tuple[str, ...] = OFFLINE) -> dict[str, Any]:
        return (await redeem(await issue_code(person, web_app.client_id, scope=scope), web_app)).json()

    async def lives(held: dict[str, Any]) -> bool:
        return (await api.get("/auth/validate", headers=bearer(held))).status_code == 200

    bystander = await tokens()
    for scope in (OFFLINE, ("openid", "orders:read")):
        unspent = await tokens(scope)
        refused(await refresh(api, other, unspent), 400, "invalid_grant")
        assert not await lives(unspent)
        refused(await refresh(api, web_app, unspent), 400, "invalid_grant")
    spent = await tokens()
    successor = (await refresh(api, web_app, spent)).json()
    refused(await refresh(api, other, spent), 400, "invalid_grant")
    assert not await lives(successor)
    late = await tokens()
    successor = (await refresh(api, web_app, late)).json()
    services.clock.measured_offset += timedelta(seconds=11)
    refused(await refresh(api, web_app, late), 400, "invalid_grant")
    assert not await lives(successor)
    refused(await refresh(api, web_app, successor), 400, "invalid_grant")
    # Each had a session of its own, so the browser's and the other grants go on.
    assert await lives(bystander)
    assert len(await events.of("token.refresh_reused")) == 2
    first_party = await api.post("/auth/refresh", json={"refresh_token": bystander["refresh_token"]})
    assert first_party.status_code == 401
    assert not await lives(bystander)


@pytest.mark.attack("REF-01")
@pytest.mark.fault("F25")
async def test_of_twenty_refreshes_at_once_all_get_the_one_successor(
    at_browser: SignIn, web_app: NewCredentials, issue_code: IssueCode, redeem: Redeem, api: httpx2.AsyncClient
) -> None:
    person = await at_browser()
    tokens = (await redeem(await issue_code(person, web_app.client_id), web_app)).json()
    answers = await asyncio.gather(*(refresh(api, web_app, tokens) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    (successor,) = {answer.json()["refresh_token"] for answer in answers}
    third = (await refresh(api, web_app, {"refresh_token": successor})).json()
    # The successor is spent: whoever brings the first one now is a thief, or was robbed.
    answers = await asyncio.gather(*(refresh(api, web_app, tokens) for _ in range(20)))
    for answer in answers:
        refused(answer, 400, "invalid_grant")
    assert (await api.get("/auth/validate", headers=bearer(third))).status_code == 401


@pytest.mark.attack("REF-04")
@pytest.mark.attack("TOK-07")
async def test_what_ends_a_users_or_a_clients_say_ends_the_tokens(
    at_browser: SignIn,
    make_client: MakeClient,
    issue_code: IssueCode,
    redeem: Redeem,
    api: httpx2.AsyncClient,
    services: Services,
) -> None:
    stated = {"grant_types": ("authorization_code", "refresh_token"), "redirect_uris": (CALLBACK,)}

    async def begin(name: str) -> tuple[AtBrowser, NewCredentials, dict[str, Any], str]:
        person, client = await at_browser(f"{name}@example.com"), await make_client(**stated)
        tokens = (await redeem(await issue_code(person, client.client_id, scope=OFFLINE), client)).json()
        return person, client, tokens, await issue_code(person, client.client_id, scope=OFFLINE)

    async def over(client: NewCredentials, tokens: dict[str, Any], code: str, error: str = "invalid_grant") -> None:
        status = 401 if error == "invalid_client" else 400
        refused(await refresh(api, client, tokens), status, error)
        refused(await redeem(code, client), status, error)
        for path in ("/auth/validate", "/oauth/userinfo"):
            assert (await api.get(path, headers=bearer(tokens))).status_code == 401

    person, client, tokens, code = await begin("everywhere")
    by = {"actor": Actor(ActorKind.USER, person.sub), "origin": ORIGIN}
    async with services.db.transaction() as tx:
        await services.sessions.end_all(tx, person.user_id, subject=person.sub, reason="logout", **by)
    await over(client, tokens, code)

    person, client, tokens, code = await begin("suspended")
    await services.lifecycle.suspend(person.user_id, actor=SYSTEM, origin=ORIGIN)
    await over(client, tokens, code)

    person, client, tokens, code = await begin("withdrawn")
    await services.registry.withdrawal.withdraw(person.user_id, client.client_id, actor=SYSTEM, origin=ORIGIN)
    await over(client, tokens, code)

    person, client, tokens, code = await begin("disabled")
    async with services.db.transaction() as tx:
        await services.clients.disable(tx, client.client_id, actor=SYSTEM, origin=ORIGIN)
    await over(client, tokens, code, "invalid_client")
    async with services.db.transaction() as tx:
        await services.clients.enable(tx, client.client_id, actor=SYSTEM, origin=ORIGIN)
    # What was allowed before stays over.
    refused(await refresh(api, client, tokens), 400, "invalid_grant")

    person, client, tokens, code = await begin("deleted")
    async with services.db.transaction() as tx:
        await services.clients.delete(tx, client.client_id, actor=SYSTEM, origin=ORIGIN)
    await over(client, tokens, code, "invalid_client")


async def test_offline_access_outlives_the_browsers_session_and_nothing_else_does(
    at_browser: SignIn,
    web_app: NewCredentials,
    issue_code: IssueCode,
    redeem: Redeem,
    api: httpx2.AsyncClient,
    services: Services,
) -> None:
    person = await at_browser()
    online = (await redeem(await issue_code(person, web_app.client_id), web_app)).json()
    offline = (await redeem(await issue_code(person, web_app.client_id, scope=OFFLINE), web_app)).json()
    assert claims_of(online["access_token"])["sid"] == person.session.sid
    access, identity = claims_of(offline["access_token"]), claims_of(offline["id_token"])
    assert access["sid"] != person.session.sid
    # A logout token will name the session that people see end.
    assert identity["sid"] == person.session.sid
    async with services.db.transaction() as tx:
        row = (await tx.execute(text("SELECT * FROM sessions WHERE sid = :sid"), {"sid": access["sid"]})).one()
        assert (row.user_id, row.cookie_hash) == (person.user_id, None)
        assert (row.auth_time, row.acr, row.amr) == (person.session.auth_time, "aal1", ["pwd"])
        assert row.expires_at - row.created_at == timedelta(days=30)
        assert row.idle_expires_at - row.created_at == timedelta(days=14)
        by = {"actor": Actor(ActorKind.USER, person.sub), "origin": ORIGIN}
        await services.sessions.end(tx, person.session.sid, subject=person.sub, reason="logout", **by)
    refused(await refresh(api, web_app, online), 400, "invalid_grant")
    renewed = await refresh(api, web_app, offline)
    assert renewed.status_code == 200
    assert claims_of(renewed.json()["id_token"])["sid"] == person.session.sid


@pytest.mark.attack("REF-05")
async def test_a_session_of_its_own_ends_for_good_after_thirty_days(
    at_browser: SignIn,
    make_client: MakeClient,
    issue_code: IssueCode,
    redeem: Redeem,
    api: httpx2.AsyncClient,
    services: Services,
) -> None:
    public = await make_client(
        grant_types=("authorization_code", "refresh_token"), redirect_uris=(CALLBACK,), auth_method=AuthMethod.NONE
    )
    person = await at_browser()
    tokens = (await redeem(await issue_code(person, public.client_id, scope=OFFLINE), public)).json()
    for _ in range(3):
        services.clock.measured_offset += timedelta(days=9)
        answer = await refresh(api, public, tokens)
        assert answer.status_code == 200, answer.text
        tokens = answer.json()
    assert tokens["refresh_expires_in"] <= 3 * 86_400
    services.clock.measured_offset += timedelta(days=3)
    refused(await refresh(api, public, tokens), 400, "invalid_grant")


@pytest.mark.attack("REF-10")
async def test_a_dump_of_the_database_replays_nothing(
    at_browser: SignIn,
    web_app: NewCredentials,
    issue_code: IssueCode,
    redeem: Redeem,
    api: httpx2.AsyncClient,
    services: Services,
) -> None:
    person = await at_browser()
    code = await issue_code(person, web_app.client_id, scope=OFFLINE)
    tokens = (await redeem(code, web_app)).json()
    successor = (await refresh(api, web_app, tokens)).json()
    waiting = await issue_code(person, web_app.client_id)
    async with services.db.transaction() as tx:
        tables = (
            await tx.scalars(
                text(
                    "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
                    "WHERE n.nspname = 'public' AND c.relkind = 'r'"
                )
            )
        ).all()
        dump = "\n".join(
            [row for table in tables for row in await tx.scalars(text(f'SELECT t::text FROM "{table}" t'))]
        )
    secrets = [code, waiting, web_app.raw_secret or "", tokens["access_token"], successor["id_token"]]
    secrets += [held["refresh_token"].rpartition("_")[2] for held in (tokens, successor)]
    assert person.sub in dump
    for secret in secrets:
        assert secret
        assert secret not in dump
