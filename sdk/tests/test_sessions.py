"""Whether the session behind a token still lives: asked of the service, cached briefly, never past `exp`."""

import asyncio
import time

import pytest
from starlette.responses import JSONResponse, RedirectResponse, Response

from auth_service_sdk.authenticator import Authenticator, TokenCache
from auth_service_sdk.client import ServiceConnection
from auth_service_sdk.errors import InvalidToken, RevocationStateUnknown
from auth_service_sdk.keyset import KeySet
from auth_service_sdk.session_state import PAUSE_SECONDS, SessionQuestions
from auth_service_sdk.verifier import Expectations

pytestmark = pytest.mark.anyio


class Clock:
    """Wall time and monotonic time, which stand still until a test moves both."""

    def __init__(self):
        self.ahead = 0.0
        self.started_at = time.time()

    def wall(self):
        return self.started_at + self.ahead

    def monotonic(self):
        return 1000 + self.ahead


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def build(issuer, clock):
    def make(*, strict=True, of=issuer, cache_size=8192):
        connection = ServiceConnection(of.url)
        return Authenticator(
            expected=Expectations(issuer=of.url, audiences=frozenset({"orders-api"})),
            keys=KeySet(connection, monotonic=clock.monotonic),
            questions=SessionQuestions(connection, monotonic=clock.monotonic),
            strict=strict,
            clock=clock.wall,
            monotonic=clock.monotonic,
            cache_size=cache_size,
        )

    return make


@pytest.fixture
def authenticator(build):
    return build()


async def test_ended_session_is_refused_half_a_second_later(issuer, authenticator, clock):
    token = issuer.mint(sid="s-1").encode()
    await authenticator.authenticate(token)
    issuer.revoked.add("s-1")
    clock.ahead += 0.5
    with pytest.raises(InvalidToken, match="ended"):
        await authenticator.authenticate(token)


async def test_ended_session_ends_the_service_to_its_token(issuer, knock):
    token = issuer.mint(sid="s-1")
    assert (await knock(token)).status_code == 200
    issuer.revoked.add("s-1")
    deadline = time.monotonic() + 10
    while (await knock(token)).status_code == 200:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    answer = await knock(token)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")


async def test_answer_is_used_for_half_a_second(issuer, authenticator, clock):
    token = issuer.mint().encode()
    for _ in range(20):
        await authenticator.authenticate(token)
    assert issuer.questions == 1
    clock.ahead += 0.49
    await authenticator.authenticate(token)
    assert issuer.questions == 1
    clock.ahead += 0.01
    await authenticator.authenticate(token)
    assert issuer.questions == 2


async def test_half_second_counts_from_when_the_question_was_sent(issuer, authenticator, clock):
    token = issuer.mint().encode()
    await authenticator.authenticate(issuer.mint().encode())  # fetches the keys
    issuer.delay = 0.2
    first = asyncio.create_task(authenticator.authenticate(token))
    while issuer.questions < 2:
        await asyncio.sleep(0.005)
    clock.ahead += 0.5
    second = asyncio.create_task(authenticator.authenticate(token))
    assert (await first).sid == (await second).sid
    assert issuer.questions == 3
    await authenticator.authenticate(token)
    assert issuer.questions == 3


async def test_requests_of_one_token_share_a_question(issuer, authenticator):
    issuer.delay = 0.05
    token = issuer.mint().encode()
    identities = await asyncio.gather(*(authenticator.authenticate(token) for _ in range(50)))
    assert issuer.questions == 1
    assert all(identity is identities[0] for identity in identities)


async def test_request_that_hangs_up_does_not_take_the_answer_away(issuer, authenticator):
    token = issuer.mint().encode()
    await authenticator.authenticate(issuer.mint().encode())  # fetches the keys
    issuer.delay = 0.1
    first = asyncio.create_task(authenticator.authenticate(token))
    second = asyncio.create_task(authenticator.authenticate(token))
    while issuer.questions < 2:
        await asyncio.sleep(0.005)
    first.cancel()
    assert (await second).sid
    assert issuer.questions == 2


async def test_tokens_of_two_sessions_are_asked_for_each(issuer, authenticator):
    await authenticator.authenticate(issuer.mint(sub="u", sid="s-1").encode())
    issuer.revoked.add("s-2")
    with pytest.raises(InvalidToken, match="session"):
        await authenticator.authenticate(issuer.mint(sub="u", sid="s-2").encode())


async def test_cached_answer_never_outlives_the_token(issuer, authenticator, clock):
    token = issuer.mint(exp=int(time.time()) + 2).encode()
    clock.ahead = 1.9
    await authenticator.authenticate(token)
    clock.ahead = 2.1
    await authenticator.authenticate(token)  # within the leeway, but asked for again
    assert issuer.questions == 2
    clock.ahead = 40
    with pytest.raises(InvalidToken, match="expired"):
        await authenticator.authenticate(token)


@pytest.mark.parametrize("build_answer", [lambda: Response(status_code=401), lambda: JSONResponse({"active": False})])
async def test_answer_that_the_session_has_ended_refuses_the_token(issuer, authenticator, build_answer):
    issuer.answers["/auth/validate"] = lambda _request: build_answer()
    with pytest.raises(InvalidToken):
        await authenticator.authenticate(issuer.mint().encode())


UNCLEAR = {
    "500": lambda _request: Response(status_code=500),
    "403": lambda _request: Response(status_code=403),
    "html": lambda _request: Response("<html>"),
    "redirect": lambda _request: RedirectResponse("/elsewhere"),
    "other-json": lambda _request: JSONResponse({"active": "true", "sub": "u"}),
    "list": lambda _request: JSONResponse([]),
    "too-long": lambda _request: Response(b" " * 100_000 + b'{"active":true,"sub":"u"}'),
    "someone-else": lambda _request: JSONResponse({"active": True, "sub": "v"}),
}


@pytest.mark.parametrize("answer", UNCLEAR.values(), ids=UNCLEAR)
async def test_unclear_answer_is_503_when_strict(issuer, knock, answer):
    issuer.answers["/auth/validate"] = answer
    response = await knock(issuer.mint(sub="u"))
    assert (response.status_code, response.json()["code"]) == (503, "revocation_state_unknown")
    assert response.headers["retry-after"] == "1"
    assert issuer.fetched["/elsewhere"] == 0


async def test_service_that_is_down_is_503_when_strict_and_heals_by_itself(mortal_issuer, build, clock):
    authenticator = build(of=mortal_issuer)
    token = mortal_issuer.mint().encode()
    await authenticator.authenticate(token)
    mortal_issuer.stop()
    clock.ahead += 1
    for _ in range(5):
        with pytest.raises(RevocationStateUnknown):
            await authenticator.authenticate(token)
    mortal_issuer.start()
    clock.ahead += PAUSE_SECONDS
    assert await authenticator.authenticate(token)


async def test_after_some_failures_nobody_waits_for_the_network(issuer, authenticator):
    issuer.answers["/auth/validate"] = lambda _request: Response(status_code=500)
    for _ in range(50):
        with pytest.raises(RevocationStateUnknown):
            await authenticator.authenticate(issuer.mint().encode())
    assert issuer.questions == 3


async def test_lenient_serves_on_until_the_token_expires(mortal_issuer, build, clock):
    authenticator = build(strict=False, of=mortal_issuer)
    token = mortal_issuer.mint(exp=int(time.time()) + 60).encode()
    await authenticator.authenticate(token)
    mortal_issuer.stop()
    clock.ahead = 50
    assert await authenticator.authenticate(token)
    clock.ahead = 95
    with pytest.raises(InvalidToken, match="expired"):
        await authenticator.authenticate(token)


async def test_lenient_never_revives_a_session_known_to_have_ended(issuer, build, clock):
    authenticator = build(strict=False)
    issuer.revoked.add("s-1")
    token = issuer.mint(sid="s-1").encode()
    with pytest.raises(InvalidToken):
        await authenticator.authenticate(token)
    issuer.answers["/auth/validate"] = lambda _request: Response(status_code=500)
    clock.ahead = 5
    with pytest.raises(InvalidToken, match="ended"):
        await authenticator.authenticate(token)


async def test_cookie_set_for_one_token_is_not_sent_with_the_next(issuer, authenticator):
    cookies = []

    def answer(request):
        cookies.append(request.headers.get("cookie"))
        response = JSONResponse({"active": True, "sub": "u"})
        response.set_cookie("session", "of the first")
        return response

    issuer.answers["/auth/validate"] = answer
    for _ in range(2):
        await authenticator.authenticate(issuer.mint(sub="u").encode())
    assert cookies == [None, None]


async def test_only_verified_tokens_enter_the_cache_and_it_stays_bounded(issuer, build):
    authenticator = build(cache_size=10)
    for number in range(40):
        await authenticator.authenticate(issuer.mint().encode())
        with pytest.raises(InvalidToken):
            await authenticator.authenticate(f"x{number}.y.z".encode())
    assert 5 <= len(authenticator.cache) <= 10


def test_entry_in_use_survives_while_others_pass_through():
    cache = TokenCache(5)
    used = object()
    cache.put(b"used", used)
    for number in range(100):
        cache.put(str(number).encode(), object())
        assert cache.find(b"used") is used


async def test_two_event_loops_may_share_one_middleware(issuer, authenticator):
    token = issuer.mint().encode()
    await authenticator.authenticate(token)

    def elsewhere():
        return asyncio.run(authenticator.authenticate(issuer.mint(sub="elsewhere").encode()))

    assert (await asyncio.to_thread(elsewhere)).sub == "elsewhere"
    assert await authenticator.authenticate(token)
