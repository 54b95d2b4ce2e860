"""A code is redeemed once, by its client, with what was asked for; whatever else comes of it is nothing."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from sqlalchemy import text

from app.audiences.definition import AudienceDefinition
from app.audit.event import SYSTEM, Actor, ActorKind
from app.clients.errors import InvalidClientDefinition
from app.clients.service import NewCredentials
from app.protocols.jose.algorithms import Algorithm
from app.protocols.oauth.registration import AuthMethod
from app.protocols.oidc.id_token import at_hash
from app.wiring import Services
from tests.oauth.codes.conftest import CALLBACK, VERIFIER, AtBrowser, IssueCode, Redeem, SignIn, challenge_of, refresh
from tests.oauth.conftest import ORIGIN, MakeClient, refused
from tests.support import ISSUER, Events, bearer, claims_of

pytestmark = pytest.mark.anyio


@pytest.mark.attack("OIP-05")
@pytest.mark.spec("RFC 6749 §4.1.4")
@pytest.mark.spec("OpenID Connect Core §3.1.3.3")
async def test_a_code_brings_a_users_tokens(
    at_browser: SignIn, web_app: NewCredentials, issue_code: IssueCode, redeem: Redeem, events: Events
) -> None:
    person = await at_browser()
    answer = await redeem(await issue_code(person, web_app.client_id), web_app)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert (body["token_type"], body["scope"]) == ("Bearer", "openid orders:read")
    access, identity = claims_of(body["access_token"]), claims_of(body["id_token"])
    assert (access["aud"], access["sub"], access["client_id"]) == ("orders-api", person.sub, web_app.client_id)
    assert access["sid"] == identity["sid"] == person.session.sid
    assert (identity["iss"], identity["aud"], identity["azp"]) == (ISSUER, web_app.client_id, web_app.client_id)
    assert (identity["nonce"], identity["acr"], identity["amr"]) == ("n-1", "aal1", ["pwd"])
    assert identity["auth_time"] == int(person.session.auth_time.timestamp())
    assert body["refresh_token"].startswith("rt_")
    (entry,) = await events.of("code.redeemed")
    assert (entry["actor_kind"], entry["actor_id"], entry["subject"]) == ("client", web_app.client_id, person.sub)
    assert entry["details"] == {
        "sid": person.session.sid,
        "grant_id": access["grant_id"],
        "audience": "orders-api",
        "scope": "openid orders:read",
        "offline": False,
    }


@pytest.mark.attack("TOK-01")
async def test_a_code_brought_again_ends_what_it_opened(
    at_browser: SignIn,
    web_app: NewCredentials,
    issue_code: IssueCode,
    redeem: Redeem,
    api: httpx2.AsyncClient,
    events: Events,
) -> None:
    person = await at_browser()
    code = await issue_code(person, web_app.client_id)
    tokens = (await redeem(code, web_app)).json()
    assert (await api.get("/auth/validate", headers=bearer(tokens))).status_code == 200
    refused(await redeem(code, web_app), 400, "invalid_grant")
    assert (await api.get("/auth/validate", headers=bearer(tokens))).status_code == 401
    refused(await refresh(api, web_app, tokens), 400, "invalid_grant")
    (entry,) = await events.of("code.reused")
    assert (entry["outcome"], entry["subject"]) == ("refused", person.sub)
    assert [entry["details"]["reason"] for entry in await events.of("grant.revoked")] == ["code_reused"]


@pytest.mark.attack("TOK-01")
@pytest.mark.fault("F25")
async def test_of_twenty_who_bring_one_code_one_wins_and_its_tokens_die(
    at_browser: SignIn, web_app: NewCredentials, issue_code: IssueCode, redeem: Redeem, api: httpx2.AsyncClient
) -> None:
    person = await at_browser()
    for offline in ((), ("offline_access",)):
        code = await issue_code(person, web_app.client_id, scope=("openid", "orders:read", *offline))
        answers = await asyncio.gather(*(redeem(code, web_app) for _ in range(20)))
        won = [answer.json() for answer in answers if answer.status_code == 200]
        assert len(won) == 1
        for answer in answers:
            if answer.status_code != 200:
                refused(answer, 400, "invalid_grant")
        assert (await api.get("/auth/validate", headers=bearer(won[0]))).status_code == 401
        refused(await refresh(api, web_app, won[0]), 400, "invalid_grant")


@pytest.mark.attack("TOK-02")
@pytest.mark.attack("TOK-03")
@pytest.mark.attack("TOK-04")
@pytest.mark.attack("TOK-05")
@pytest.mark.attack("TOK-06")
@pytest.mark.attack("TOK-07")
@pytest.mark.attack("TOK-16")
@pytest.mark.spec("RFC 7636 §4.6")
async def test_a_code_is_refused_to_whoever_does_not_bring_all_that_belongs_to_it(
    at_browser: SignIn,
    web_app: NewCredentials,
    make_client: MakeClient,
    issue_code: IssueCode,
    redeem: Redeem,
    services: Services,
    events: Events,
) -> None:
    """TOK-02 to TOK-07, each with a code of its own, which is spent by the attempt."""
    person = await at_browser()
    other = await make_client(grant_types=("authorization_code",), redirect_uris=(CALLBACK,))
    cases: list[tuple[str, dict[str, Any], dict[str, Any], NewCredentials]] = [
        ("another redirect_uri", {}, {"redirect_uri": "https://app.example.com/other"}, web_app),
        ("another redirect_uri", {}, {"redirect_uri": None}, web_app),
        ("another redirect_uri", {"redirect_uri_given": False}, {"redirect_uri": "https://evil.example"}, web_app),
        ("another code_verifier", {}, {"code_verifier": VERIFIER[:-1] + "A"}, web_app),
        ("another code_verifier", {}, {"code_verifier": None}, web_app),
        ("another code_verifier", {}, {"code_verifier": ""}, web_app),
        ("another code_verifier", {}, {"code_verifier": VERIFIER[:-1]}, web_app),
        ("another code_verifier", {}, {"code_verifier": challenge_of(VERIFIER)}, web_app),
        ("another code_verifier", {"challenge": None}, {}, web_app),
        ("issued to another client", {}, {}, other),
    ]
    for reason, stated, sent, client in cases:
        code = await issue_code(person, web_app.client_id, **stated)
        refused(await redeem(code, client, **sent), 400, "invalid_grant")
        assert (await events.of("code.refused"))[-1]["details"]["reason"] == reason, (reason, stated, sent)
        # The attempt was the one guess: who is right comes too late.
        refused(await redeem(code, web_app, **({"code_verifier": None} if stated else {})), 400, "invalid_grant")
    assert await events.of("code.redeemed") == []
    for nothing in ("", "nothing", "x" * 5000, "\u00e9"):
        answer = await redeem(nothing, web_app)
        refused(answer, 400, "invalid_grant" if nothing else "invalid_request")
    late = await issue_code(person, web_app.client_id)
    over = await issue_code(await at_browser("bob@example.com"), web_app.client_id)
    async with services.db.transaction() as tx:
        await tx.execute(text("UPDATE sessions SET ended_at = now() WHERE user_id <> :id"), {"id": person.user_id})
    refused(await redeem(over, web_app), 400, "invalid_grant")
    assert (await events.of("code.refused"))[-1]["details"]["reason"] == "session over"
    services.clock.measured_offset += timedelta(seconds=61)
    refused(await redeem(late, web_app), 400, "invalid_grant")
    assert (await events.of("code.refused"))[-1]["details"]["reason"] == "expired"


@pytest.mark.spec("RFC 6749 §4.1.3")
async def test_a_code_whose_request_named_no_redirect_uri_needs_none(
    at_browser: SignIn, web_app: NewCredentials, issue_code: IssueCode, redeem: Redeem
) -> None:
    person = await at_browser()
    for sent in ({"redirect_uri": None}, {}):
        code = await issue_code(person, web_app.client_id, redirect_uri_given=False)
        assert (await redeem(code, web_app, **sent)).status_code == 200


@pytest.mark.spec("RFC 7636 §4.5")
async def test_a_public_client_and_an_exempt_one_redeem(
    at_browser: SignIn, make_client: MakeClient, issue_code: IssueCode, redeem: Redeem
) -> None:
    person = await at_browser()
    stated = {"grant_types": ("authorization_code",), "redirect_uris": (CALLBACK,)}
    public = await make_client(auth_method=AuthMethod.NONE, **stated)
    body = (await redeem(await issue_code(person, public.client_id), public)).json()
    assert "refresh_token" not in body
    exempt = await make_client(**stated)
    code = await issue_code(person, exempt.client_id, challenge=None)
    assert (await redeem(code, exempt, code_verifier=None)).status_code == 200


async def test_tokens_allow_no_more_than_was_allowed(
    at_browser: SignIn, services: Services, make_client: MakeClient, issue_code: IssueCode, redeem: Redeem
) -> None:
    person = await at_browser()
    by = {"actor": SYSTEM, "origin": ORIGIN}
    async with services.db.transaction() as tx:
        await services.role_registration.create(tx, "clerk", **by)
        wanted = {"orders-api": ["orders:write", "orders:refund"]}
        await services.role_registration.set_permissions(tx, "clerk", wanted, **by)
        await services.role_assignments.assign(tx, user_id=person.user_id, role="clerk", audience=None, **by)
    client = await make_client(
        grant_types=("authorization_code",),
        redirect_uris=(CALLBACK,),
        targets={"orders-api": ("orders:read", "orders:write")},
    )
    told = {}
    for scope in ("orders:read", "orders:read orders:write", "orders:read roles", "openid roles"):
        body = (await redeem(await issue_code(person, client.client_id, scope=tuple(scope.split())), client)).json()
        claims = claims_of(body["access_token"])
        told[scope] = (claims["scope"], claims["roles"], claims["permissions"])
    assert told == {
        "orders:read": ("orders:read", [], []),
        "orders:read orders:write": ("orders:read orders:write", [], ["orders:write"]),
        "orders:read roles": ("orders:read roles", ["clerk"], []),
        "openid roles": ("openid roles", ["clerk"], []),
    }


@pytest.mark.spec("RFC 8707 §2.2")
async def test_a_token_names_what_it_was_asked_for(
    at_browser: SignIn, services: Services, make_client: MakeClient, issue_code: IssueCode, redeem: Redeem
) -> None:
    person = await at_browser()
    definition = AudienceDefinition(
        name="stock-api", resources=("https://stock.example", "https://stock.example/v2"), scopes={"stock:read": None}
    )
    await services.audience_registration.create(definition, actor=SYSTEM, origin=ORIGIN)
    made = await make_client(
        grant_types=("authorization_code",), redirect_uris=(CALLBACK,), targets={"stock-api": None, "orders-api": None}
    )
    client = await services.oauth.directory.read(made.client_id)
    assert client is not None
    view = await services.codes.targets.of(client, resources=["https://stock.example"])

    async def code() -> str:
        return await issue_code(person, made.client_id, audience=view, scope=("stock:read",))

    for sent, aud in (
        ({}, "https://stock.example"),
        ({"resource": "https://stock.example/v2"}, "https://stock.example/v2"),
        ({"audience": "stock-api"}, "stock-api"),
    ):
        body = (await redeem(await code(), made, **sent)).json()
        assert claims_of(body["access_token"])["aud"] == aud, sent
    for sent in ({"audience": "orders-api"}, {"resource": "https://elsewhere.example"}, {"audience": ISSUER}):
        refused(await redeem(await code(), made, **sent), 400, "invalid_target")
    nothing = await make_client(grant_types=("authorization_code",), redirect_uris=(CALLBACK,), targets={})
    body = (await redeem(await issue_code(person, nothing.client_id, scope=("openid",)), nothing)).json()
    assert claims_of(body["access_token"])["aud"] == f"{ISSUER}/oauth/userinfo"


@pytest.mark.attack("OIP-08")
async def test_a_clients_own_mappings_fill_no_reserved_claim(
    at_browser: SignIn,
    services: Services,
    make_client: MakeClient,
    issue_code: IssueCode,
    redeem: Redeem,
    api: httpx2.AsyncClient,
) -> None:
    person = await at_browser(name="Ann Lee")
    stated = {"grant_types": ("authorization_code",), "redirect_uris": (CALLBACK,)}
    for name in ("sub", "iss", "aud", "exp", "acr", "amr", "auth_time", "nonce", "roles", "email"):
        with pytest.raises(InvalidClientDefinition):
            await make_client(claim_mappings={name: '"x"'}, **stated)
    for expression in ("user.password", "nonsense", "__import__", "lower(", 'user.name "x"'):
        with pytest.raises(InvalidClientDefinition):
            await make_client(claim_mappings={"team": expression}, **stated)
    mappings = {"team": 'upper(user.name) or "none"', "staff": 'has(user.groups, "staff")', "none": "user.attributes.x"}
    client = await make_client(claim_mappings=mappings, **stated)
    async with services.db.transaction() as tx:
        # As if a mapping had been written past the check.
        await tx.execute(
            text(
                "UPDATE oauth_clients SET client_metadata = jsonb_set(client_metadata, '{claim_mappings,acr}', "
                '\'"\\"phr\\""\') WHERE client_id = :client_id'
            ),
            {"client_id": client.client_id},
        )
    services.oauth.directory.forget_all()
    body = (await redeem(await issue_code(person, client.client_id), client)).json()
    identity = claims_of(body["id_token"])
    assert (identity["team"], identity["staff"], identity["acr"]) == ("ANN LEE", False, "aal1")
    assert "none" not in identity
    answer = (await api.get("/oauth/userinfo", headers=bearer(body))).json()
    assert answer == {"sub": person.sub, "team": "ANN LEE", "staff": False}


@pytest.mark.spec("OpenID Connect Core §5.5")
async def test_claims_are_asked_for_by_name(
    at_browser: SignIn, web_app: NewCredentials, issue_code: IssueCode, redeem: Redeem, api: httpx2.AsyncClient
) -> None:
    person = await at_browser(name="Ann Lee")
    asked = {"id_token": {"email": None, "acr": {"essential": True}}, "userinfo": {"name": None, "shoe_size": None}}
    code = await issue_code(person, web_app.client_id, claims=asked, scope=("openid",))
    tokens = (await redeem(code, web_app)).json()
    assert claims_of(tokens["id_token"])["email"] == "ann@example.com"
    assert (await api.get("/oauth/userinfo", headers=bearer(tokens))).json() == {"sub": person.sub, "name": "Ann Lee"}


async def test_every_refusal_of_a_proven_client_is_recorded(
    at_browser: SignIn,
    web_app: NewCredentials,
    make_client: MakeClient,
    issue_code: IssueCode,
    redeem: Redeem,
    api: httpx2.AsyncClient,
    events: Events,
) -> None:
    tokens = (await redeem(await issue_code(await at_browser(), web_app.client_id), web_app)).json()
    refused(await refresh(api, web_app, tokens, scope="orders:eat"), 400, "invalid_scope")
    refused(await refresh(api, web_app, tokens, audience="nowhere"), 400, "invalid_target")
    refused(await redeem("", web_app), 400, "invalid_request")
    refused(await redeem("nothing", await make_client()), 400, "unauthorized_client")
    refused(await redeem("nothing", web_app), 400, "invalid_grant")
    told = [(entry["details"]["grant_type"], entry["details"]["error"]) for entry in await events.of("token.refused")]
    assert told == [
        ("refresh_token", "invalid_scope"),
        ("refresh_token", "invalid_target"),
        ("authorization_code", "invalid_request"),
        ("authorization_code", "unauthorized_client"),
    ]
    assert len(await events.of("code.refused")) == 1


@pytest.mark.attack("TOK-07")
async def test_no_session_of_its_own_slips_past_a_sign_out_everywhere(
    at_browser: SignIn,
    web_app: NewCredentials,
    issue_code: IssueCode,
    redeem: Redeem,
    api: httpx2.AsyncClient,
    services: Services,
) -> None:
    for _ in range(5):
        person = await at_browser(f"p{uuid4().hex}@example.com")
        codes = [
            await issue_code(person, web_app.client_id, scope=("openid", "offline_access", "orders:read"))
            for _ in range(4)
        ]

        async def sign_out_everywhere(person: AtBrowser) -> None:
            actor = Actor(ActorKind.USER, person.sub)
            async with services.db.transaction() as tx:
                await services.sessions.end_all(
                    tx, person.user_id, subject=person.sub, reason="logout", actor=actor, origin=ORIGIN
                )

        answers = await asyncio.gather(
            redeem(codes[0], web_app),
            redeem(codes[1], web_app),
            sign_out_everywhere(person),
            redeem(codes[2], web_app),
            redeem(codes[3], web_app),
        )
        for answer in answers:
            if answer is not None and answer.status_code == 200:
                assert (await api.get("/auth/validate", headers=bearer(answer.json()))).status_code == 401


@pytest.mark.spec("OpenID Connect Core §2")
async def test_an_id_token_is_signed_by_a_published_key_of_the_clients_algorithm(
    at_browser: SignIn,
    make_client: MakeClient,
    issue_code: IssueCode,
    redeem: Redeem,
    api: httpx2.AsyncClient,
    services: Services,
) -> None:
    person = await at_browser()
    stated = {"grant_types": ("authorization_code",), "redirect_uris": (CALLBACK,)}
    for algorithm in Algorithm:
        client = await make_client(id_token_signed_response_alg=algorithm, **stated)
        body = (await redeem(await issue_code(person, client.client_id), client)).json()
        keys = KeySet.import_key_set((await api.get("/.well-known/jwks.json")).json())
        if algorithm is not Algorithm.EDDSA:  # Whose name this library warns of.
            assert jwt.decode(body["id_token"], keys, algorithms=[algorithm.value]).header["alg"] == algorithm.value
        told = await services.keys.verify(body["id_token"], typ="JWT", issuer=ISSUER, audience=client.client_id)
        assert told.members["at_hash"] == at_hash(body["access_token"], algorithm)
        # It opens nothing: it says who signed in, not what may be done.
        answer = await api.get("/auth/validate", headers={"Authorization": f"Bearer {body['id_token']}"})
        assert answer.status_code == 401
