"""A service's own tokens: asked for once, renewed early, replaced when they are refused."""

import asyncio
import json
from urllib.parse import parse_qs

import httpx2
import pytest

from auth_service_sdk import ServiceClient
from auth_service_sdk.client import answered_by
from auth_service_sdk.service_client import TokenRefused, TokenUnavailable

pytestmark = pytest.mark.anyio


class Moments:
    """A monotonic clock that tests move."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Service:
    """A token endpoint: counts what it is asked, answers as it is told."""

    def __init__(self):
        self.asked = []
        self.answer = None
        self.life = 600
        self.hold = asyncio.Event()
        self.hold.set()

    async def __call__(self, request):
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        self.asked.append((form, request.headers["authorization"]))
        number = len(self.asked)
        await self.hold.wait()
        if self.answer is not None:
            status, members, headers = self.answer
            return _response(status, members, headers)
        return _response(200, {"access_token": f"t{number}", "token_type": "Bearer", "expires_in": self.life})


def _response(status, members, headers=None):
    return httpx2.Response(status, headers=headers, stream=httpx2.ByteStream(json.dumps(members).encode()))


@pytest.fixture
async def service():
    endpoint = Service()
    with answered_by(httpx2.MockTransport(endpoint)):
        yield endpoint


@pytest.fixture
def moments():
    return Moments()


@pytest.fixture
async def client(service, moments):
    async with ServiceClient(
        auth_base_url="https://auth.test",
        client_id="c_1",
        client_secret="s:1",
        audience="orders-api",
        monotonic=moments,
    ) as made:
        yield made


async def test_a_token_is_asked_for_once_by_all_who_want_it(service, client):
    service.hold.clear()
    waiting = [asyncio.create_task(client.token()) for _ in range(20)]
    while not service.asked:
        await asyncio.sleep(0)
    service.hold.set()
    assert set(await asyncio.gather(*waiting)) == {"t1"}
    assert await client.token() == "t1"
    ((form, authorization),) = service.asked
    assert form == {"grant_type": "client_credentials", "audience": "orders-api"}
    assert authorization == "Basic Y18xOnMlM0Ex"


async def test_one_who_gives_up_takes_the_token_from_nobody(service, client):
    service.hold.clear()
    waiting = [asyncio.create_task(client.token()) for _ in range(2)]
    while not service.asked:
        await asyncio.sleep(0)
    waiting[0].cancel()
    service.hold.set()
    assert await waiting[1] == "t1"


async def test_each_audience_and_scope_has_a_token_of_its_own(service, client):
    tokens = [
        await client.token(),
        await client.token("billing-api"),
        await client.token(scopes=["b", "a"]),
        await client.token(scopes=["a", "b", "a"]),
    ]
    assert tokens == ["t1", "t2", "t3", "t3"]
    assert service.asked[2][0]["scope"] == "a b"
    with pytest.raises(TypeError):
        await client.token(scopes="a b")


async def test_a_token_is_renewed_early_while_the_present_one_serves(service, client, moments):
    assert await client.token() == "t1"
    moments.now += 0.7 * 595
    assert await client.token() == "t1"
    assert len(service.asked) == 1
    moments.now += 0.25 * 595
    service.hold.clear()
    assert await client.token() == "t1"
    while len(service.asked) < 2:
        await asyncio.sleep(0)
    assert await client.token() == "t1"
    service.hold.set()
    while await client.token() == "t1":
        await asyncio.sleep(0)
    assert await client.token() == "t2"
    assert len(service.asked) == 2


async def test_a_failed_renewal_lets_the_present_token_serve_to_its_end(service, client, moments):
    await client.token()
    service.answer = (503, {"error": "temporarily_unavailable"}, {"retry-after": "7"})
    moments.now += 0.95 * 595
    for _ in range(5):
        assert await client.token() == "t1"
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    moments.now += 0.06 * 595
    with pytest.raises(TokenUnavailable):
        await client.token()


async def test_after_a_failure_nobody_asks_for_a_while(service, client, moments):
    service.answer = (503, {}, {"retry-after": "7"})
    for _ in range(3):
        with pytest.raises(TokenUnavailable):
            await client.token()
    assert len(service.asked) == 1
    service.answer = None
    moments.now += 7.1
    assert await client.token() == "t2"


@pytest.mark.parametrize(
    ("status", "members", "error"),
    [
        (401, {"error": "invalid_client", "error_description": "no"}, TokenRefused),
        (400, {"error": "invalid_scope"}, TokenRefused),
        (200, {"access_token": "", "expires_in": 1}, TokenUnavailable),
        (200, {"access_token": "t", "expires_in": "soon"}, TokenUnavailable),
        (200, [], TokenUnavailable),
        (302, {}, TokenUnavailable),
    ],
)
async def test_what_is_no_token_is_an_error(service, client, status, members, error):
    service.answer = (status, members, {})
    with pytest.raises(error) as raised:
        await client.token()
    assert "s:1" not in str(raised.value)
    if error is TokenRefused:
        assert raised.value.error == members["error"]


async def test_without_credentials_it_says_what_is_missing(monkeypatch):
    monkeypatch.delenv("AUTH_CLIENT_ID", raising=False)
    monkeypatch.delenv("AUTH_CLIENT_SECRET", raising=False)
    async with ServiceClient(auth_base_url="https://auth.test") as client:
        with pytest.raises(TokenRefused, match="AUTH_CLIENT_SECRET"):
            await client.token()
    with pytest.raises(ValueError, match="pairs"):
        ServiceClient(auth_base_url="https://auth.test", client_id="c_1")
    with pytest.raises(ValueError, match="auth_base_url"):
        ServiceClient(client_id="c_1", client_secret="s")


async def test_a_closed_client_asks_no_more(service, client):
    await client.token()
    await client.aclose()
    with pytest.raises(RuntimeError):
        await client.token()
    assert len(service.asked) == 1


class Downstream:
    """A service that accepts some tokens."""

    def __init__(self, *accepted):
        self.accepted = set(accepted)
        self.seen = []

    def __call__(self, request):
        self.seen.append((request.headers["authorization"], request.content if request.method == "POST" else b""))
        return httpx2.Response(200 if request.headers["authorization"][7:] in self.accepted else 401)


async def test_a_refused_token_is_replaced_once(service, client):
    downstream = Downstream("t2")
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(downstream), auth=client.auth()) as http:
        answer = await http.post("https://orders.test/", content=b"body")
        assert answer.status_code == 200
        assert downstream.seen == [("Bearer t1", b"body"), ("Bearer t2", b"body")]
        downstream.accepted = set()
        assert (await http.get("https://orders.test/")).status_code == 401
        assert [token for token, _ in downstream.seen[2:]] == ["Bearer t2", "Bearer t3"]


async def test_many_refused_at_once_share_one_fresh_token(service, client):
    downstream = Downstream("t2")
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(downstream), auth=client.auth()) as http:
        answers = await asyncio.gather(*(http.get("https://orders.test/") for _ in range(10)))
    assert {answer.status_code for answer in answers} == {200}
    assert len(service.asked) == 2


async def test_a_stream_is_not_sent_twice(service, client):
    async def chunks():
        yield b"once"

    downstream = Downstream()
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(downstream), auth=client.auth()) as http:
        answer = await http.put("https://orders.test/", content=chunks())
    assert answer.status_code == 401
    assert len(downstream.seen) == 1


async def test_a_synchronous_client_is_told_so(service, client):
    http = httpx2.Client(transport=httpx2.MockTransport(Downstream()), auth=client.auth())
    with http, pytest.raises(RuntimeError, match="AsyncClient"):
        http.get("https://orders.test/")


async def test_the_testing_plugin_gives_services_tokens_too(auth_issuer, monkeypatch):
    monkeypatch.delenv("AUTH_CLIENT_ID", raising=False)
    from auth_service_sdk.gate import parse

    async with ServiceClient(auth_base_url="https://auth.test", audience="orders-api") as client:
        claims = parse((await client.token(scopes=["orders:read"])).encode()).claims
    assert (claims["iss"], claims["aud"], claims["scope"]) == ("https://auth.test", "orders-api", "orders:read")
    assert claims["sub"] == claims["client_id"]
