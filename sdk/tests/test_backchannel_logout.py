"""An issuer's back-channel logout: a genuine logout token ends tokens at once, anything else ends nothing."""

import asyncio
import time
import uuid
from urllib.parse import urlencode

import pytest
from joserfc import jwk
from starlette.responses import JSONResponse

from auth_service_sdk import BackChannelLogout, Introspection, OIDCIssuer
from auth_service_sdk.backchannel import EVENT, MAX_AGE_SECONDS, MAX_BODY_BYTES
from auth_service_sdk.keyset import JWKS_PATH
from auth_service_sdk.logouts import MAX_LOGOUTS, Logout, Logouts, SharedLogouts

pytestmark = pytest.mark.anyio
PATH = "/backchannel-logout"


class Provider:
    """An issuer that tells of logouts, and applications that hear it."""

    def __init__(self, issuer, guard):
        self.issuer = issuer
        self._guard = guard
        self._made = []
        document = {"issuer": issuer.url, "jwks_uri": issuer.url + JWKS_PATH}
        document["introspection_endpoint"] = issuer.url + "/introspect"
        issuer.answers["/.well-known/openid-configuration"] = lambda _: JSONResponse(document)

    def worker(self, *, logout=None, more=(), options=None, **trusted):
        settings = BackChannelLogout(**(logout or {}))
        own = OIDCIssuer(self.issuer.url, **{"audience": "orders-api", "logout": settings} | trusted)
        arguments = {"auth_base_url": None, "expected_audience": None, "issuer": [own, *more]} | (options or {})
        client = self._guard(**arguments)
        self._made.append(client)
        return Worker(self.issuer, client)

    def logout_token(self, *, header=None, key=None, **changes):
        now = int(time.time())
        claims = {
            "aud": "orders-api",
            "iat": now,
            "exp": now + 120,
            "jti": uuid.uuid4().hex,
            "events": {EVENT: {}},
            "sid": "s-1",
            "sub": "u-1",
        }
        gone = dict.fromkeys(("client_id", "grant_id", "scope", "roles", "permissions", "auth_time", "amr", "acr"), ...)
        header = {"typ": "logout+jwt"} | (header or {})
        return self.issuer.mint("RS256", header=header, key=key, **gone | claims | changes)


class Worker:
    def __init__(self, issuer, client):
        self.client = client
        self._issuer = issuer

    async def post(self, token, path=PATH, **options):
        options = {"data": {"logout_token": token}} | options
        return await self.client.post(path, **options)

    async def ask(self, token):
        return (await self.client.get("/whoami", headers={"authorization": f"Bearer {token}"})).status_code


@pytest.fixture
def provider(issuer, guard):
    return Provider(issuer, guard)


def minted(issuer, sub="u-1", sid="s-1", **changes):
    return issuer.mint("RS256", sub=sub, sid=sid, **changes)


@pytest.mark.spec("OpenID Connect Back-Channel Logout 1.0 §2.8")
async def test_a_logout_ends_the_tokens_of_its_session_at_once_and_no_others(issuer, provider):
    worker = provider.worker()
    ended = [minted(issuer), minted(issuer), minted(issuer, sid=...)]
    others = [minted(issuer, sid="s-2"), minted(issuer, sub="u-2", sid="s-3"), minted(issuer, sub="u-2", sid=...)]
    assert {await worker.ask(token) for token in ended + others} == {200}
    answer = await worker.post(provider.logout_token())
    assert (answer.status_code, answer.content, answer.headers["cache-control"]) == (200, b"", "no-store")
    assert [await worker.ask(token) for token in ended] == [401, 401, 401]
    assert {await worker.ask(token) for token in others} == {200}
    # One that this process has not seen before is refused too.
    assert await worker.ask(minted(issuer)) == 401


async def test_a_logout_of_a_user_ends_what_was_issued_until_then_and_lets_a_new_sign_in_through(issuer, provider):
    worker = provider.worker()
    now = int(time.time())
    old = minted(issuer, iat=now - 60)
    assert await worker.ask(old) == 200
    assert (await worker.post(provider.logout_token(sid=..., iat=now - 5))).status_code == 200
    assert await worker.ask(old) == 401
    assert await worker.ask(minted(issuer, sid="s-9", iat=now - 5)) == 401
    assert await worker.ask(minted(issuer, sid="s-9", iat=now)) == 200
    assert await worker.ask(minted(issuer, sub="u-2", iat=now - 60)) == 200


async def test_a_logout_by_session_alone_leaves_tokens_that_name_none(issuer, provider):
    worker = provider.worker()
    assert (await worker.post(provider.logout_token(sub=...))).status_code == 200
    assert [await worker.ask(minted(issuer)), await worker.ask(minted(issuer, sid=...))] == [401, 200]


REFUSED = {
    "access token": lambda p: p.issuer.mint("RS256", sid="s-1"),
    "id token": lambda p: p.logout_token(header={"typ": "JWT"}, events=..., nonce="n"),
    "type of an access token": lambda p: p.logout_token(header={"typ": "at+jwt"}),
    "no type": lambda p: p.logout_token(header={"typ": ...}),
    "nonce": lambda p: p.logout_token(nonce="n"),
    "empty nonce": lambda p: p.logout_token(nonce=None),
    "no events": lambda p: p.logout_token(events=...),
    "another event": lambda p: p.logout_token(events={"http://schemas.openid.net/event/other": {}}),
    "event as text": lambda p: p.logout_token(events=EVENT),
    "event as list": lambda p: p.logout_token(events=[EVENT]),
    "event without object": lambda p: p.logout_token(events={EVENT: True}),
    "nobody": lambda p: p.logout_token(sid=..., sub=...),
    "empty session": lambda p: p.logout_token(sid=""),
    "session as number": lambda p: p.logout_token(sid=5),
    "long session": lambda p: p.logout_token(sid="s" * 256),
    "subject as list": lambda p: p.logout_token(sub=["u-1"]),
    "no jti": lambda p: p.logout_token(jti=...),
    "jti as number": lambda p: p.logout_token(jti=5),
    "long jti": lambda p: p.logout_token(jti="j" * 256),
    "no exp": lambda p: p.logout_token(exp=...),
    "expired": lambda p: p.logout_token(exp=int(time.time()) - 31),
    "no iat": lambda p: p.logout_token(iat=...),
    "iat ahead": lambda p: p.logout_token(iat=int(time.time()) + 120),
    "too old": lambda p: p.logout_token(iat=int(time.time()) - MAX_AGE_SECONDS - 60),
    "iat as text": lambda p: p.logout_token(iat="now"),
    "another audience": lambda p: p.logout_token(aud="billing-api"),
    "no audience": lambda p: p.logout_token(aud=...),
    "another issuer": lambda p: p.logout_token(iss="https://evil.example"),
    "issuer with a slash": lambda p: p.logout_token(iss=p.issuer.url + "/"),
    "no issuer": lambda p: p.logout_token(iss=...),
    "another key": lambda p: p.logout_token(key=jwk.RSAKey.generate_key(2048)),
    "a published kid and another key": lambda p: p.logout_token(
        key=jwk.RSAKey.generate_key(2048), header={"kid": p.issuer.keys["RS256"].thumbprint()}
    ),
    "alg none": lambda p: p.logout_token(header={"alg": "none"}),
    "alg HS256": lambda p: p.logout_token(header={"alg": "HS256"}),
    "key inside": lambda p: p.logout_token(header={"jwk": {}}),
    "critical member": lambda p: p.logout_token(header={"crit": ["x"]}),
    "altered": lambda p: p.logout_token()[:-4] + "AAAA",
    "unsigned": lambda p: p.logout_token().rpartition(".")[0] + ".",
    "opaque": lambda _: "opaque",
    "empty": lambda _: "",
    "huge": lambda p: p.logout_token(note="x" * 20_000),
}


@pytest.mark.spec("OpenID Connect Back-Channel Logout 1.0 §2.6")
async def test_whatever_is_no_logout_token_of_the_issuer_ends_nothing(issuer, provider, caplog):
    worker = provider.worker()
    token = minted(issuer)
    assert await worker.ask(token) == 200
    for name, make in REFUSED.items():
        sent = make(provider)
        answer = await worker.post(sent)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), name
        assert answer.headers["cache-control"] == "no-store"
        assert await worker.ask(token) == 200, name
        assert len(sent) < 20 or sent not in caplog.text
    # The strictest of them differ from a good one by one thing alone.
    assert (await worker.post(provider.logout_token())).status_code == 200
    assert await worker.ask(token) == 401


async def test_a_logout_token_is_taken_once_also_when_it_comes_twice_at_once(issuer, provider):
    worker = provider.worker()
    token = provider.logout_token()
    issuer.delay = 0.05
    answers = await asyncio.gather(*(worker.post(token) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 7
    assert (await worker.post(provider.logout_token())).status_code == 200


FORMS = {
    "json": {"data": None, "json": {"logout_token": "x"}},
    "no body": {"data": None},
    "no such field": {"data": {"token": "x"}},
    "not a form": {
        "data": None,
        "content": b"\xff\xfe",
        "headers": {"content-type": "application/x-www-form-urlencoded"},
    },
    "many fields": {"data": {f"f{number}": "x" for number in range(40)}},
    "huge": {"data": {"logout_token": "x" * MAX_BODY_BYTES}},
}


async def test_a_form_is_taken_and_nothing_else(provider):
    worker = provider.worker()
    for name, options in FORMS.items():
        assert (await worker.post("", **options)).status_code == 400, name
    twice = urlencode([("logout_token", provider.logout_token()), ("logout_token", provider.logout_token())])
    kind = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    assert (await worker.post("", data=None, content=twice.encode(), headers=kind)).status_code == 400
    for method in ("GET", "PUT", "DELETE", "OPTIONS"):
        answer = await worker.client.request(method, PATH)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST"), method
    # What is not understood is passed over, the specification says.
    more = {"logout_token": provider.logout_token(), "state": "x"}
    assert (await worker.post("", data=more)).status_code == 200
    # The rest of the application is as closed as before.
    for path in (PATH + "/", PATH + "/x", "/whoami"):
        assert (await worker.client.post(path)).status_code == 401, path


async def test_the_client_and_the_path_are_those_of_the_settings(issuer, provider):
    worker = provider.worker(logout={"client_id": ["shop-ui", "shop-app"], "path": "/oidc/logout"})
    token = minted(issuer)
    assert await worker.ask(token) == 200
    assert (await worker.post(provider.logout_token(), "/oidc/logout")).status_code == 400
    assert (await worker.post(provider.logout_token(aud="shop-app"))).status_code == 401
    assert (await worker.post(provider.logout_token(aud=["x", "shop-app"]), "/oidc/logout")).status_code == 200
    assert await worker.ask(token) == 401


async def test_each_of_several_issuers_ends_its_own_sessions_alone(issuer, mortal_issuer, provider):
    mortal_issuer.answers["/.well-known/openid-configuration"] = lambda _: JSONResponse(
        {"issuer": mortal_issuer.url, "jwks_uri": mortal_issuer.url + JWKS_PATH}
    )
    second = OIDCIssuer(mortal_issuer.url, audience="orders-api", logout=BackChannelLogout(path="/other"))
    options = {"auth_base_url": issuer.url + "/own", "expected_audience": "orders-api"}
    worker = provider.worker(more=[second], options=options)
    first, other = minted(issuer), minted(mortal_issuer)
    assert [await worker.ask(first), await worker.ask(other)] == [200, 200]
    # The first one's keys are the second one's too in these tests: only name and path tell them apart.
    assert (await worker.post(provider.logout_token(), "/other")).status_code == 400
    assert (await worker.post(provider.logout_token(iss=mortal_issuer.url))).status_code == 400
    assert (await worker.post(provider.logout_token(iss=mortal_issuer.url), "/other")).status_code == 200
    assert [await worker.ask(first), await worker.ask(other)] == [200, 401]


async def test_a_token_that_outlives_the_memory_of_its_logout_is_refused(issuer, provider):
    worker = provider.worker(logout={"longest_token_seconds": 300})
    now = int(time.time())
    assert await worker.ask(minted(issuer, iat=now, exp=now + 301)) == 401
    assert await worker.ask(minted(issuer, iat=now, exp=now + 300)) == 200
    # Its issuer remembers the logout of one that it is asked about.
    active = {"active": True, "sub": "u-1", "aud": "orders-api", "iat": now, "exp": now + 10**6}
    issuer.answers["/introspect"] = lambda _: JSONResponse(active)
    asked = Introspection(client_id="c", client_secret="s")
    asking = provider.worker(logout={"longest_token_seconds": 300}, introspection=asked)
    assert await asking.ask("opaque-1") == 200


async def test_an_introspected_answer_is_asked_for_again_after_a_logout(issuer, provider):
    active = {"active": True, "sub": "u-1", "aud": "orders-api", "client_id": "web"}
    issuer.answers["/introspect"] = lambda _: JSONResponse(active)
    asked = Introspection(client_id="c", client_secret="s", cache_seconds=60)
    worker = provider.worker(introspection=asked)
    assert [await worker.ask("opaque-1"), await worker.ask("opaque-1")] == [200, 200]
    issuer.answers["/introspect"] = lambda _: JSONResponse({"active": False})
    assert await worker.ask("opaque-1") == 200
    assert (await worker.post(provider.logout_token(sub="u-2"))).status_code == 200
    assert await worker.ask("opaque-1") == 200
    assert (await worker.post(provider.logout_token())).status_code == 200
    assert await worker.ask("opaque-1") == 401


async def test_an_answer_that_was_asked_for_before_a_logout_is_not_kept(issuer, provider):
    told = []

    def answer(_):
        told.append(None)
        return JSONResponse({"active": len(told) == 1, "sub": "u-1", "aud": "orders-api", "client_id": "web"})

    issuer.answers["/introspect"] = answer
    worker = provider.worker(introspection=Introspection(client_id="c", client_secret="s", cache_seconds=60))
    # The keys are there already, so that the logout overtakes the answer.
    assert (await worker.post(provider.logout_token(sub="u-9", sid="s-9"))).status_code == 200
    issuer.delay = 0.3
    first = asyncio.create_task(worker.ask("opaque-1"))
    async with asyncio.timeout(60):
        while issuer.fetched["/introspect"] == 0:
            await asyncio.sleep(0.01)
    assert (await worker.post(provider.logout_token())).status_code == 200
    assert await first in (200, 401)
    issuer.delay = 0
    assert await worker.ask("opaque-1") == 401


class List:
    """A store in the memory of these tests, which can be told to fail."""

    def __init__(self):
        self.entries = []
        self.error = None
        self.reads = 0
        self.page = 2

    async def add(self, entry, *, lifetime):
        assert lifetime == 86_400 + 30
        if self.error:
            raise self.error
        self.entries.append(entry)

    async def read(self, after):
        self.reads += 1
        await asyncio.sleep(0)
        if self.error:
            raise self.error
        start = int(after or 0)
        found = self.entries[start : start + self.page]
        return str(start + len(found)), found


async def test_other_workers_learn_of_a_logout_from_the_store_within_a_second_or_so(issuer, provider):
    store, started = List(), time.monotonic()
    workers = [provider.worker(logout={"store": store}) for _ in range(3)]
    token = minted(issuer)
    assert [await worker.ask(token) for worker in workers] == [200] * 3
    for number in range(5):
        await workers[0].post(provider.logout_token(sid=f"x-{number}", sub="u-x"))
    assert (await workers[0].post(provider.logout_token())).status_code == 200
    assert await workers[0].ask(token) == 401
    async with asyncio.timeout(60):
        while {await worker.ask(token) for worker in workers} != {401}:
            await asyncio.sleep(0.05)
    # Many questions a second, few looks at the store: a page of two for each, six entries.
    assert store.reads <= 3 * (6 + 2 * (time.monotonic() - started + 2))
    # One that starts later knows it from the beginning.
    assert await provider.worker(logout={"store": store}).ask(token) == 401


async def test_a_store_that_holds_something_else_or_of_others_changes_nothing(issuer, provider):
    store = List()
    store.entries = ["", "{}", "[]", "5", '{"issuer":"x","sid":"s-1","sub":null,"at":1}']
    now = int(time.time())
    for at, sid in ((f'"{now}"', '"s-1"'), (now, 5), (now, "null")):
        store.entries.append(f'{{"issuer":"{issuer.url}","sid":{sid},"sub":null,"at":{at}}}')
    worker = provider.worker(logout={"store": store})
    assert await worker.ask(minted(issuer)) == 200
    assert store.reads >= 5


async def test_without_its_store_a_worker_revokes_itself_and_says_that_the_others_do_not_know(issuer, provider, caplog):
    store = List()
    worker = provider.worker(logout={"store": store})
    token = minted(issuer)
    assert await worker.ask(token) == 200
    store.error = RuntimeError("connection to redis is lost")
    sent = provider.logout_token()
    answer = await worker.post(sent)
    assert (answer.status_code, answer.json()["error"]) == (400, "temporarily_unavailable")
    assert await worker.ask(token) == 401
    assert "not told to the other workers" in caplog.text
    store.error = None
    assert (await worker.post(sent)).status_code == 200
    assert len(store.entries) == 1


async def test_a_store_that_cannot_be_read_is_borne_for_ten_seconds(caplog):
    now, store, forgotten = 1000.0, List(), []
    shared = SharedLogouts(
        Logouts(longest=86_400, leeway=30),
        issuers=frozenset({"i"}),
        lifetime=86_430,
        store=store,
        forget=forgotten.append,
        clock=lambda: 5000.0,
        monotonic=lambda: now,
    )
    await shared.add(Logout("i", "s-1", None, 5000))
    await shared.catch_up()
    assert shared.fresh_until == 1001.0
    store.error = OSError("down")
    for moment in (1001.0, 1009.9):
        now = moment
        await shared.catch_up()
    now = 1010.0
    with pytest.raises(Exception, match="cannot be read"):
        await shared.catch_up()
    assert caplog.text.count("cannot be read") == 1
    store.error = None
    await shared.catch_up()
    assert "can be read again" in caplog.text or shared.fresh_until == 1011.0


async def test_a_worker_that_has_never_read_the_store_lets_nobody_in(issuer, provider):
    store = List()
    store.error = OSError("down")
    assert await provider.worker(logout={"store": store}).ask(minted(issuer)) == 503
    store.error, store.page = None, 0
    store.read = lambda after: asyncio.sleep(3600)
    assert await provider.worker(logout={"store": store}).ask(minted(issuer)) == 503


def test_logouts_are_bounded_and_what_is_forgotten_early_lets_nobody_back_in():
    logouts = Logouts(longest=3600, leeway=30, size=4)
    for number in range(6):
        logouts.add(Logout("i", f"s-{number}", f"u-{number}", 1000 + number), 1010)
    assert len(logouts) == 8
    assert logouts.match({"sid": "s-0", "sub": "u-0", "iat": 999})
    assert logouts.match({"sid": "other", "sub": "other", "iat": 1001})
    assert not logouts.match({"sid": "other", "sub": "other", "iat": 1002})
    assert logouts.match({"sid": "s-5", "sub": "u-5", "iat": 1005})
    assert logouts.match({"sub": "u-5", "iat": 1005})
    assert not logouts.match({"sub": "u-5", "iat": 1006})


def test_a_logout_is_remembered_for_as_long_as_the_longest_token_lives():
    logouts = Logouts(longest=3600, leeway=30)
    logouts.add(Logout("i", "s-1", None, 1000), 1000)
    logouts.add(Logout("i", "s-0", None, 1), 5000)
    assert logouts.match({"sid": "s-1", "sub": "u", "iat": 900})
    logouts.add(Logout("i", "s-2", "u-2", 4629), 4630)
    assert len(logouts) == 2
    assert not logouts.match({"sid": "s-1", "sub": "u", "iat": 900})
    assert not logouts.match({"sid": "s-0", "sub": "u", "iat": 1})
    assert MAX_LOGOUTS == 65_536


@pytest.mark.parametrize(
    "options",
    [
        {"path": "logout"},
        {"path": ""},
        {"path": "/"},
        {"path": "/a/../b"},
        {"path": "/a b"},
        {"path": "/a?x"},
        {"client_id": ""},
        {"client_id": []},
        {"longest_token_seconds": 59},
        {"longest_token_seconds": 8 * 86_400},
        {"longest_token_seconds": True},
    ],
    ids=repr,
)
def test_settings_that_cannot_work_are_refused_in_words(options):
    with pytest.raises(ValueError, match="must"):
        BackChannelLogout(**options)
