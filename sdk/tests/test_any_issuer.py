"""Tokens of foreign issuers, which stand on loopback with real keys and can be told to misbehave."""

import asyncio
import time

import httpx2
import pytest
from fastapi import Depends, FastAPI
from joserfc import jwk
from starlette.responses import JSONResponse, RedirectResponse, Response

from auth_service_sdk import (
    ClaimPaths,
    JWTAuthMiddleware,
    OIDCIssuer,
    require_action_token,
    require_fresh_revocations,
    require_live_session,
)
from auth_service_sdk.client import Unreachable
from auth_service_sdk.discovery import Discovery, read_metadata
from auth_service_sdk.keyset import KeySet

pytestmark = pytest.mark.anyio
DISCOVERY, KEYS_AT = "/.well-known/openid-configuration", "/.well-known/jwks.json"


def publish(provider, **changes):
    """Let an issuer be found by discovery."""
    document = {"issuer": provider.url, "jwks_uri": provider.url + KEYS_AT} | changes
    provider.answers[DISCOVERY] = lambda _: JSONResponse(document)


@pytest.fixture
def foreign(issuer):
    publish(issuer)
    return issuer


@pytest.fixture
def trusting(guard):
    """A guarded application that trusts these issuers; `ask` sends it a token."""
    # Kept until the event loop has ended, which closes what they hold open.
    made = []

    def build(*issuers, **options):
        options = {"auth_base_url": None, "expected_audience": None, "issuer": list(issuers)} | options
        client = guard(**options)
        made.append(client)

        async def ask(token, path="/whoami"):
            return await client.get(path, headers={"authorization": f"Bearer {token}"})

        return ask

    return build


def trusted(issuer, **options):
    return OIDCIssuer(issuer.url, **{"audience": "orders-api"} | options)


async def test_a_foreign_token_is_verified_by_discovered_keys_and_nobody_is_asked_about_it(foreign, trusting):
    ask = trusting(trusted(foreign, claims=ClaimPaths(roles=("realm", "roles"))))
    token = foreign.mint("RS256", header={"typ": "JWT"}, realm={"roles": ["admin"]}, roles=["not-read"])
    for _ in range(3):
        answer = await ask(token)
        assert answer.status_code == 200
        assert answer.json()["roles"] == ["admin"]
    assert (await ask(token, "/admin")).status_code == 200
    assert foreign.fetched == {DISCOVERY: 1, KEYS_AT: 1}


async def test_each_token_goes_to_the_issuer_it_names_and_counts_by_that_ones_rules_alone(
    foreign, mortal_issuer, trusting
):
    publish(mortal_issuer)
    ask = trusting(
        trusted(foreign, claims=ClaimPaths(roles="a")),
        trusted(mortal_issuer, audience="other-api", claims=ClaimPaths(roles="b")),
    )
    first = foreign.mint(a=["clerk"], b=["admin"])
    second = mortal_issuer.mint(aud="other-api", a=["admin"], b=["clerk"])
    assert [(await ask(token)).json()["roles"] for token in (first, second)] == [["clerk"], ["clerk"]]
    assert (await ask(mortal_issuer.mint())).status_code == 401
    assert (await ask(foreign.mint(aud="other-api"))).status_code == 401
    # Both hold the same keys here: a signature alone makes nobody another issuer.
    stranger = foreign.mint(iss="https://stranger.example")
    fetched = foreign.fetched.total() + mortal_issuer.fetched.total()
    assert "expected issuer" in (await ask(stranger)).json()["detail"]
    assert foreign.fetched.total() + mortal_issuer.fetched.total() == fetched


async def test_auth_service_and_a_foreign_issuer_stand_side_by_side(issuer, mortal_issuer, trusting):
    publish(mortal_issuer)
    options = {"auth_base_url": issuer.url, "expected_audience": "orders-api"}
    ask = trusting(trusted(mortal_issuer), **options)
    own, foreign = issuer.mint(sid="s-1"), mortal_issuer.mint(sid="s-1")
    assert [(await ask(token)).status_code for token in (own, foreign)] == [200, 200]
    assert (issuer.questions, mortal_issuer.questions) == (1, 0)
    issuer.revoked.add("s-1")
    async with asyncio.timeout(60):
        while (await ask(own)).status_code != 401:
            await asyncio.sleep(0.05)
    assert (await ask(foreign)).status_code == 200
    # Relaxed rules are the foreign issuer's alone.
    assert (await ask(issuer.mint(header={"typ": "JWT"}))).status_code == 401


@pytest.mark.parametrize(
    "token",
    [
        lambda i: i.mint(header={"typ": "JWT"}, scope=..., client_id=...),
        lambda i: i.mint(header={"typ": "JWT"}, nonce="n"),
        lambda i: i.mint(header={"typ": "logout+jwt"}),
        lambda i: i.mint(header={"typ": ...}),
        lambda i: i.mint(header={"jku": "https://evil.example/keys"}),
        lambda i: i.mint(header={"x5u": "https://evil.example/cert"}),
        lambda i: i.mint(header={"jwk": {}}),
        lambda i: i.mint(header={"alg": "none"}),
        lambda i: i.mint(header={"alg": "HS256"}, sign_as="RS256"),
        lambda i: i.mint("RS256", key=jwk.RSAKey.generate_key(2048)),
        lambda i: i.mint("ES256", header={"alg": "RS256"}, sign_as="ES256"),
        lambda i: i.mint(exp=int(time.time()) - 60),
        lambda i: i.mint(exp=...),
        lambda i: i.mint(aud="billing-api"),
        lambda i: i.mint(iss=i.url + "/"),
        lambda i: i.mint(cnf={"jkt": "x"}),
        lambda i: i.mint()[:-4] + "AAAA",
        lambda _: "opaque-token",
        lambda _: "a.b.c",
    ],
)
@pytest.mark.attack("JWT-10")
async def test_a_foreign_token_that_is_not_right_is_refused(foreign, trusting, token):
    answer = await trusting(trusted(foreign))(token(foreign))
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")


async def test_only_the_algorithms_named_are_accepted(foreign, trusting):
    ask = trusting(trusted(foreign, algorithms=["RS256"]))
    assert (await ask(foreign.mint("RS256"))).status_code == 200
    assert "expected alg RS256" in (await ask(foreign.mint("ES256"))).json()["detail"]


async def test_a_header_without_type_is_taken_where_the_preset_says_so(foreign, trusting):
    ask = trusting(trusted(foreign, preset="okta"))
    token = foreign.mint("RS256", header={"typ": ..., "x5t": "abc"}, cid="c", scp=["orders:read"], scope=...)
    assert (await ask(token)).json()["scopes"] == ["orders:read"]


async def test_an_id_token_is_good_with_the_google_preset_alone(foreign, trusting):
    token = foreign.mint("RS256", header={"typ": "JWT"}, nonce="n", at_hash="h", scope=..., client_id=...)
    assert (await trusting(trusted(foreign, preset="google"))(token)).status_code == 200
    assert (await trusting(trusted(foreign))(token)).status_code == 401


BAD_METADATA = {
    "another issuer": {"issuer": "https://evil.example"},
    "issuer with a slash": {"issuer": "http://127.0.0.1:1/"},
    "no key set": {"jwks_uri": None},
    "plain http elsewhere": {"jwks_uri": "http://keys.example.com/jwks"},
    "private address": {"jwks_uri": "https://10.0.0.1/jwks"},
    "link-local address": {"jwks_uri": "https://169.254.169.254/jwks"},
    "loopback in disguise": {"jwks_uri": "https://2130706433/jwks"},
    "a name of the house": {"jwks_uri": "https://vault.internal/jwks"},
    "credentials": {"jwks_uri": "https://a:b@keys.example.com/jwks"},
    "a file": {"jwks_uri": "file:///etc/passwd"},
}


@pytest.mark.parametrize("changes", BAD_METADATA.values(), ids=BAD_METADATA)
@pytest.mark.attack("RPF-06")
async def test_metadata_that_leads_astray_is_not_followed(issuer, trusting, changes):
    publish(issuer, **changes)
    answer = await trusting(trusted(issuer))(issuer.mint())
    assert (answer.status_code, answer.json()["code"]) == (503, "keys_unavailable")
    assert issuer.fetched == {DISCOVERY: 1}


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: RedirectResponse("/elsewhere"),
        lambda _: Response("<html>", media_type="text/html"),
        lambda _: Response(b"[" * 100_000),
        lambda _: JSONResponse([]),
        lambda _: Response(b" " * 300_000),
        lambda _: Response(b"x", headers={"content-encoding": "gzip"}),
        lambda _: Response(status_code=500),
    ],
)
async def test_an_answer_that_is_no_metadata_lets_nobody_in(issuer, trusting, answer):
    issuer.answers[DISCOVERY] = answer
    refusal = await trusting(trusted(issuer))(issuer.mint())
    assert (refusal.status_code, refusal.json()["code"]) == (503, "keys_unavailable")


def test_metadata_may_name_a_public_host_or_a_private_one_where_that_is_allowed():
    def read(uri, **options):
        issuer = OIDCIssuer("https://id.example.com", audience="a", **options)
        body = b'{"issuer":"https://id.example.com","jwks_uri":"%s"}' % uri.encode()
        return read_metadata(200, body, issuer).jwks_uri

    assert read("https://keys.example.net/jwks") == "https://keys.example.net/jwks"
    assert read("http://10.0.0.1/jwks", allow_private=True) == "http://10.0.0.1/jwks"
    with pytest.raises(Unreachable):
        read("http://127.0.0.1/jwks")


async def test_an_unknown_kid_is_looked_up_once_and_a_withdrawn_key_counts_no_more(foreign, trusting):
    ask = trusting(trusted(foreign))
    assert (await ask(foreign.mint("ES256"))).status_code == 200
    fresh = jwk.ECKey.generate_key("P-256")
    foreign.keys["ES256"] = fresh
    assert (await ask(foreign.mint("ES256", key=fresh))).status_code == 200
    for _ in range(5):
        assert (await ask(foreign.mint("ES256", key=jwk.ECKey.generate_key("P-256")))).status_code == 401
    assert foreign.jwks_fetches <= 3


async def test_keys_are_kept_while_the_provider_is_down_and_given_up_in_the_end(foreign):
    now = 1000.0
    keys = KeySet(Discovery(trusted(foreign), monotonic=lambda: now).key_set, monotonic=lambda: now)
    kid = foreign.keys["ES256"].thumbprint()
    assert await keys.find(kid) is not None
    foreign.answers |= {KEYS_AT: lambda _: Response(status_code=500), DISCOVERY: lambda _: Response(status_code=500)}
    now += 23 * 3600
    assert await keys.find(kid) is not None
    now += 3600
    with pytest.raises(Exception, match="hard limit"):
        await keys.find(kid)


async def test_keys_are_renewed_ahead_of_time_while_a_request_is_served_by_the_present_ones(foreign):
    now = 1000.0
    keys = KeySet(Discovery(trusted(foreign), monotonic=lambda: now).key_set, monotonic=lambda: now)
    kid = foreign.keys["ES256"].thumbprint()
    assert await keys.find(kid) is not None
    now += foreign.max_age * 0.8
    assert await keys.find(kid) is not None
    # Nothing of this loop has run meanwhile, so that the fetch has not even begun.
    assert foreign.jwks_fetches == 1
    async with asyncio.timeout(60):
        while foreign.jwks_fetches < 2:
            await asyncio.sleep(0.01)
    # Of the document, 0.75 of its hour has not passed.
    assert foreign.fetched[DISCOVERY] == 1
    now += 2700
    async with asyncio.timeout(60):
        while foreign.fetched[DISCOVERY] < 2:
            await keys.find(kid)
            now += foreign.max_age


async def test_a_provider_that_moves_its_keys_is_followed(foreign):
    now = 1000.0
    keys = KeySet(Discovery(trusted(foreign), monotonic=lambda: now).key_set, monotonic=lambda: now)
    kid = foreign.keys["ES256"].thumbprint()
    assert await keys.find(kid) is not None
    foreign.answers["/moved"] = lambda _: JSONResponse(foreign.jwks())
    foreign.answers[KEYS_AT] = lambda _: Response(status_code=410)
    publish(foreign, jwks_uri=foreign.url + "/moved")
    for _ in range(3):
        now += 300
        assert await keys.find(kid) is not None
    assert foreign.fetched["/moved"] >= 1


async def test_keys_may_be_named_without_discovery(issuer, trusting):
    ask = trusting(trusted(issuer, jwks_uri=issuer.url + KEYS_AT))
    assert (await ask(issuer.mint())).status_code == 200
    assert issuer.fetched == {KEYS_AT: 1}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"issuer": ["https://a.example", "https://b.example"]}, "issuer must be"),
        ({"issuer": [7]}, "issuer must be"),
        ({"issuer": [OIDCIssuer("https://a.example", audience="a")] * 2}, "twice"),
        ({"expected_audience": "orders-api"}, "audience of its own"),
        ({"client_id": "c", "client_secret": "s"}, "auth_base_url"),
        ({"issuer": []}, "auth_base_url"),
    ],
)
def test_arguments_that_contradict_each_other_are_refused(options, words):
    given = {"issuer": OIDCIssuer("https://a.example", audience="a")} | options
    with pytest.raises(ValueError, match=words):
        JWTAuthMiddleware(None, **given)


async def test_what_only_auth_service_can_confirm_is_refused_to_a_foreign_caller(foreign):
    app = FastAPI()

    async def reached():
        return {}

    for path, rule in {
        "/live": require_live_session,
        "/recent": require_fresh_revocations(staleness=5),
        "/act": require_action_token("orders.refund"),
    }.items():
        app.get(path, dependencies=[Depends(rule)])(reached)
    app.add_middleware(JWTAuthMiddleware, issuer=trusted(foreign))
    token, seen = foreign.mint(), {}
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://127.0.0.1") as client:
        for path in ("/live", "/recent", "/act"):
            headers = {"authorization": f"Bearer {token}", "x-action-token": token}
            answer = await client.get(path, headers=headers)
            seen[path] = (answer.status_code, answer.json()["code"])
    unknown = (503, "revocation_state_unknown")
    assert seen == {"/live": unknown, "/recent": unknown, "/act": (403, "invalid_action_token")}
