"""Tokens that only their issuer can read, asked about at its introspection endpoint."""

import asyncio
import base64
import time
from urllib.parse import parse_qs

import pytest
from starlette.responses import JSONResponse, Response

from auth_service_sdk import Introspection, OIDCIssuer
from auth_service_sdk.errors import InvalidToken, RevocationStateUnknown
from auth_service_sdk.followers import Following
from auth_service_sdk.introspection import Introspector
from auth_service_sdk.trusted_issuers import TrustedIssuers, read_trust

pytestmark = pytest.mark.anyio
ENDPOINT = "/introspect"


class Provider:
    """An issuer whose tokens are opaque: `answer` is what it answers about each."""

    def __init__(self, issuer):
        self.issuer = issuer
        self.answer = {"active": False}
        # Kept until the event loop has ended, which closes what they hold open.
        self.made = []
        document = {
            "issuer": issuer.url,
            "jwks_uri": issuer.url + "/.well-known/jwks.json",
            "introspection_endpoint": issuer.url + ENDPOINT,
        }
        issuer.answers["/.well-known/openid-configuration"] = lambda _: JSONResponse(document)
        issuer.answers[ENDPOINT] = lambda _: JSONResponse(self.answer)

    def says(self, **claims):
        now = int(time.time())
        claims = {
            "active": True,
            "sub": "u-1",
            "aud": "orders-api",
            "client_id": "web",
            "iat": now,
            "exp": now + 600,
        } | claims
        self.answer = {name: value for name, value in claims.items() if value is not ...}

    @property
    def questions(self):
        return self.issuer.fetched[ENDPOINT]

    def trusted(self, **options):
        settings = {"client_id": "orders:api", "client_secret": "s e%cret"} | options.pop("introspection", {})
        return OIDCIssuer(self.issuer.url, audience="orders-api", introspection=Introspection(**settings), **options)

    def introspector(self, clock=time.time, monotonic=time.monotonic, **options):
        issuer = self.trusted(**options)
        self.made.append(Introspector(issuer, issuer.introspection, leeway=30, clock=clock, monotonic=monotonic))
        return self.made[-1]


@pytest.fixture
def provider(issuer):
    return Provider(issuer)


@pytest.fixture
def asking(guard, provider):
    """A guarded application in introspection mode."""

    def build(**options):
        client = guard(auth_base_url=None, expected_audience=None, issuer=provider.trusted(**options))
        provider.made.append(client)

        async def ask(token="opaque-1", path="/whoami"):
            return await client.get(path, headers={"authorization": f"Bearer {token}"})

        return ask

    return build


async def test_an_opaque_token_is_asked_about_once_and_becomes_an_identity(provider, asking):
    provider.says(scope="orders:read profile", roles=["clerk"], token_type="Bearer")
    ask = asking()
    answers = await asyncio.gather(*(ask() for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    identity = (await ask()).json()
    assert (identity["sub"], identity["client_id"]) == ("u-1", "web")
    assert (identity["scopes"], identity["roles"]) == (["orders:read", "profile"], ["clerk"])
    assert provider.questions == 1


async def test_the_issuer_hears_who_asks_and_about_what(issuer, provider):
    forms = []

    async def answer(request):
        forms.append((request.headers["authorization"], parse_qs((await request.body()).decode())))
        return JSONResponse({"active": False})

    provider.says()
    issuer.app.add_route("/form", answer, methods=["POST"])
    # Ahead of the route that takes every path.
    issuer.app.router.routes.insert(0, issuer.app.router.routes.pop())
    try:
        introspector = provider.introspector(introspection={"endpoint": issuer.url + "/form"})
        with pytest.raises(InvalidToken):
            await introspector.accept(b"opaque-1", b"d", None)
    finally:
        issuer.app.router.routes.pop(0)
    basic, form = forms[0]
    assert base64.b64decode(basic.removeprefix("Basic ")) == b"orders%3Aapi:s+e%25cret"
    assert form == {"token": ["opaque-1"], "token_type_hint": ["access_token"]}


async def test_a_jwt_of_the_issuer_is_introspected_too_and_one_of_a_stranger_never_leaves(issuer, provider, asking):
    provider.says()
    ask = asking()
    assert (await ask(issuer.mint())).status_code == 200
    assert (await ask(issuer.mint(iss="https://stranger.example"))).status_code == 401
    assert provider.questions == 1


REFUSED = {
    "not active": {"active": False},
    "another audience": {"aud": "billing-api"},
    "no audience": {"aud": ...},
    "another issuer": {"iss": "https://evil.example"},
    "expired": {"exp": 1},
    "just expired": {"exp": int(time.time()) - 1},
    "end as text": {"exp": "soon"},
    "not yet": {"nbf": 2**40},
    "refresh token": {"token_use": "refresh_token"},
    "strange type": {"token_type": "mac"},
    "bound": {"cnf": {"jkt": "x"}},
    "nobody": {"sub": ..., "client_id": ...},
    "roles as text in a list of numbers": {"roles": [1]},
}


@pytest.mark.parametrize("claims", REFUSED.values(), ids=REFUSED)
async def test_a_token_that_does_not_count_here_is_refused(provider, asking, claims):
    provider.says(**claims)
    answer = await asking()()
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")


async def test_a_keycloak_refresh_token_is_refused_though_it_is_active(provider, asking):
    provider.says(typ="Refresh", azp="web")
    assert (await asking(preset="keycloak")()).status_code == 401


async def test_a_clients_own_token_may_leave_out_its_subject(provider, asking):
    provider.says(sub=...)
    identity = (await asking()()).json()
    assert (identity["sub"], identity["kind"]) == ("web", "service")


UNUSABLE = {
    "down": lambda _: Response(status_code=502),
    "our credentials are wrong": lambda _: Response(status_code=401),
    "html": lambda _: Response("<html>"),
    "no answer to the question": lambda _: JSONResponse({"sub": "u-1"}),
    "active by a word": lambda _: JSONResponse({"active": "true"}),
    "huge": lambda _: Response(b" " * 100_000),
    "elsewhere": lambda _: Response(status_code=302, headers={"location": "/x"}),
}


@pytest.mark.parametrize("answer", UNUSABLE.values(), ids=UNUSABLE)
async def test_where_the_issuer_cannot_be_asked_nobody_is_let_in(issuer, provider, asking, answer):
    issuer.answers[ENDPOINT] = answer
    refusal = await asking()()
    assert (refusal.status_code, refusal.json()["code"]) == (503, "revocation_state_unknown")
    assert "retry-after" in refusal.headers


async def test_answers_count_for_their_seconds_never_beyond_exp_and_not_while_the_issuer_is_down(issuer, provider):
    now = 1000.0
    epoch = int(time.time())
    provider.says(exp=epoch + 3)
    introspector = provider.introspector(lambda: epoch + now - 1000, lambda: now)
    entry = await introspector.accept(b"t", b"d", None)
    assert entry.good_until == 1003
    now = 1002.9
    assert await introspector.accept(b"t", b"d", entry) is entry
    now = 1003.0
    with pytest.raises(InvalidToken):
        await introspector.accept(b"t", b"d", entry)
    provider.says(exp=epoch + 600)
    now = 1005.0
    entry = await introspector.accept(b"t", b"d", entry)
    assert entry.good_until == 1010
    issuer.answers[ENDPOINT] = lambda _: Response(status_code=500)
    now = 1010.0
    for _ in range(6):
        with pytest.raises(RevocationStateUnknown):
            await introspector.accept(b"t", b"d", entry)
    # Three were asked; then nobody waits for a moment.
    assert provider.questions == 6


async def test_a_refused_token_is_remembered_for_a_second(provider):
    now = 1000.0
    introspector = provider.introspector(monotonic=lambda: now)
    for at, questions in ((1000.0, 1), (1000.9, 1), (1001.0, 2)):
        now = at
        with pytest.raises(InvalidToken):
            await introspector.accept(b"t", b"d", None)
        assert provider.questions == questions


async def test_too_many_questions_at_once_are_not_all_asked(issuer, provider):
    issuer.answers[ENDPOINT] = lambda _: Response(status_code=500)
    introspector = provider.introspector(monotonic=lambda: 1000.0)
    for _ in range(3):
        with pytest.raises(RevocationStateUnknown):
            await introspector.accept(b"t", b"d", None)
    # It pauses now, so that what follows asks nobody, and all of it is under way at one moment.
    results = await asyncio.gather(
        *(introspector.accept(b"t", bytes([number // 256, number % 256]), None) for number in range(300)),
        return_exceptions=True,
    )
    assert sum("too many" in (result.detail or "") for result in results) == 300 - 256
    assert provider.questions == 3


async def test_the_endpoint_is_found_once_however_many_tokens_come_at_once(issuer, provider):
    provider.says()
    introspector = provider.introspector()
    entries = await asyncio.gather(*(introspector.accept(b"t%d" % n, bytes([n]), None) for n in range(8)))
    assert len(entries) == provider.questions == 8
    assert issuer.fetched["/.well-known/openid-configuration"] == 1


async def test_the_endpoint_serves_on_where_discovery_is_down(issuer, provider):
    now = 1000.0
    provider.says(exp=...)
    introspector = provider.introspector(monotonic=lambda: now)
    await introspector.accept(b"t", b"d", None)
    issuer.answers["/.well-known/openid-configuration"] = lambda _: Response(status_code=503)
    for at in (5000.0, 5002.0, 5004.0):
        now = at
        await introspector.accept(b"t", b"d", None)
    assert issuer.fetched["/.well-known/openid-configuration"] == 2


async def test_a_caller_that_hangs_up_takes_nothing_from_the_others(issuer, provider):
    provider.says()
    issuer.delay = 0.2
    introspector = provider.introspector()
    first = asyncio.ensure_future(introspector.accept(b"t", b"d", None))
    second = asyncio.ensure_future(introspector.accept(b"t", b"d", None))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).identity.sub == "u-1"
    assert provider.questions == 1


async def test_a_fresh_question_ends_what_was_heard_before(provider):
    provider.says()
    trust = read_trust(None, provider.trusted(), None, 30)
    issuers = TrustedIssuers(trust, own=None, following=Following.of_nothing())
    provider.made.append(issuers)
    assert (await issuers.authenticate(b"t")).sub == "u-1"
    await issuers.confirm(b"t")
    provider.answer = {"active": False}
    assert (await issuers.authenticate(b"t")).sub == "u-1"
    for ask in (issuers.confirm, issuers.authenticate):
        with pytest.raises(InvalidToken):
            await ask(b"t")


def test_credentials_come_from_the_environment_too_and_are_never_shown(monkeypatch):
    with pytest.raises(ValueError, match="client_id"):
        Introspection()
    monkeypatch.setenv("INTROSPECTION_CLIENT_ID", "c")
    with pytest.raises(ValueError, match="INTROSPECTION_CLIENT_SECRET"):
        Introspection()
    monkeypatch.setenv("INTROSPECTION_CLIENT_SECRET", "hidden")
    settings = Introspection()
    assert (settings.client_id, settings.client_secret) == ("c", "hidden")
    assert "hidden" not in repr(OIDCIssuer("https://a.example", audience="a", introspection=settings))


@pytest.mark.parametrize("seconds", [-1, 61, "5", True])
def test_an_answer_cannot_be_kept_for_longer_than_a_minute(seconds):
    with pytest.raises(ValueError, match="cache_seconds"):
        Introspection(client_id="c", client_secret="s", cache_seconds=seconds)


def test_one_issuer_alone_may_introspect_opaque_tokens():
    settings = Introspection(client_id="c", client_secret="s")
    both = [OIDCIssuer(f"https://{name}.example", audience="a", introspection=settings) for name in "ab"]
    with pytest.raises(ValueError, match="names no issuer"):
        read_trust(None, both, None, 30)
