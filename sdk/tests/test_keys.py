"""The issuer's keys: how often they are fetched, what replaces them, and what happens without them."""

import asyncio
import time

import pytest
from joserfc import jwk
from starlette.responses import JSONResponse, RedirectResponse, Response

from auth_service_sdk import keyset
from auth_service_sdk.client import ServiceConnection
from auth_service_sdk.errors import KeysUnavailable
from auth_service_sdk.keyset import KeySet

pytestmark = pytest.mark.anyio


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def keys(issuer, clock):
    return KeySet(ServiceConnection(issuer.url), monotonic=clock)


def kids(issuer):
    return [key.thumbprint() for key in issuer.keys.values()]


async def until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


def says(issuer, answer):
    issuer.answers[keyset.JWKS_PATH] = answer


async def test_one_fetch_serves_all_who_wait(issuer, keys):
    issuer.delay = 0.05
    found = await asyncio.gather(*(keys.find(kid) for kid in kids(issuer) * 20))
    assert all(found)
    assert issuer.jwks_fetches == 1


async def test_caller_who_hangs_up_does_not_take_the_fetch_away(issuer, keys):
    issuer.delay = 0.05
    first = asyncio.create_task(keys.find(kids(issuer)[0]))
    second = asyncio.create_task(keys.find(kids(issuer)[0]))
    await until(lambda: issuer.jwks_fetches == 1)
    first.cancel()
    assert await second
    assert issuer.jwks_fetches == 1


@pytest.mark.attack("JWT-06")
async def test_thousand_unknown_kids_cause_two_fetches_a_minute_at_most(issuer, knock, refused):
    assert (await knock(issuer.mint())).status_code == 200
    for number in range(1000):
        await refused(issuer.mint(header={"kid": f"unknown-{number}"}))
    assert issuer.jwks_fetches <= 2


@pytest.mark.attack("JWT-06")
@pytest.mark.fault("F22")
async def test_unknown_kids_at_once_share_their_fetch(issuer, keys):
    await keys.find(kids(issuer)[0])
    issuer.delay = 0.05
    found = await asyncio.gather(*(keys.find(f"unknown-{number}") for number in range(200)))
    assert not any(found)
    assert issuer.jwks_fetches == 2


@pytest.mark.fault("F22")
async def test_kid_that_was_just_missed_is_not_looked_up_again(issuer, keys, clock):
    await keys.find("unknown")
    clock.now += keyset.UNKNOWN_KID_WINDOW_SECONDS - 1
    await keys.find("unknown")
    assert issuer.jwks_fetches == 2
    await keys.find("unknown")
    assert issuer.jwks_fetches == 2


@pytest.mark.attack("JWT-06")
async def test_budget_of_fetches_comes_back_after_a_minute(issuer, keys, clock):
    for minute in range(3):
        for number in range(20):
            assert await keys.find(f"unknown-{minute}-{number}") is None
        clock.now += keyset.UNKNOWN_KID_WINDOW_SECONDS + 1
    assert issuer.jwks_fetches <= 6


@pytest.mark.fault("F21")
async def test_key_published_since_is_found_by_one_fetch(issuer, keys):
    await keys.find(kids(issuer)[0])
    issuer.keys["ES256"] = new = jwk.ECKey.generate_key("P-256")
    found = await asyncio.gather(*(keys.find(new.thumbprint()) for _ in range(50)))
    assert all(found)
    assert issuer.jwks_fetches == 2


async def test_withdrawn_key_is_gone_with_the_next_set(issuer, keys, clock):
    withdrawn = issuer.keys["ES256"].thumbprint()
    assert await keys.find(withdrawn)
    del issuer.keys["ES256"]
    clock.now += issuer.max_age
    assert await keys.find(withdrawn) is None


async def test_withdrawn_key_ends_the_tokens_it_has_signed(issuer, guard):
    api = guard()
    credential = {"authorization": f"Bearer {issuer.mint('ES256')}"}
    assert (await api.get("/open", headers=credential)).status_code == 200
    del issuer.keys["ES256"]
    unknown = {"authorization": f"Bearer {issuer.mint(header={'kid': 'unknown'})}"}
    assert (await api.get("/open", headers=unknown)).status_code == 401  # causes the fetch
    await asyncio.sleep(0.5)  # the answer about the session is used for so long
    assert (await api.get("/open", headers=credential)).status_code == 401


async def test_refresh_ahead_of_time_does_not_wait_for_the_network(issuer, keys, clock):
    await keys.find(kids(issuer)[0])
    clock.now += issuer.max_age * 0.8
    assert await keys.find(kids(issuer)[0])
    # Nothing of this loop has run meanwhile, so that the fetch has not even begun.
    assert issuer.jwks_fetches == 1
    await until(lambda: issuer.jwks_fetches == 2)


@pytest.mark.parametrize(("max_age", "fresh", "stale"), [(1, 29, 31), (600, 449, 601), (999_999, 2699, 3601)])
async def test_max_age_is_honoured_within_bounds(issuer, keys, clock, max_age, fresh, stale):
    issuer.max_age = max_age
    await keys.find(kids(issuer)[0])
    clock.now += min(fresh, fresh * keyset.REFRESH_AHEAD if max_age == 1 else fresh)
    await keys.find(kids(issuer)[0])
    assert issuer.jwks_fetches == 1
    clock.now += stale
    await keys.find(kids(issuer)[0])
    assert issuer.jwks_fetches == 2


@pytest.mark.attack("SDK-02")
async def test_without_keys_at_the_start_protected_routes_answer_503(mortal_issuer, guard):
    mortal_issuer.stop()
    api = guard(of=mortal_issuer)
    token = mortal_issuer.mint()
    answer = await api.get("/open", headers={"authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["code"]) == (503, "keys_unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    assert api.app.state.reached == []
    mortal_issuer.start()
    deadline = time.monotonic() + 20
    while answer.status_code != 200 and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
        answer = await api.get("/open", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 200


@pytest.mark.attack("SDK-02")
async def test_attempts_back_off_while_there_are_no_keys(issuer, keys, clock):
    says(issuer, lambda _request: Response(status_code=500))
    for _ in range(120):
        with pytest.raises(KeysUnavailable) as refusal:
            await keys.find("any")
        assert 1 <= refusal.value.retry_after_seconds <= keyset.MAX_BACKOFF_SECONDS
        clock.now += 1
    assert issuer.jwks_fetches <= 9


@pytest.mark.attack("SDK-02")
async def test_warm_keys_verify_on_while_the_issuer_is_down(mortal_issuer, clock):
    keys = KeySet(ServiceConnection(mortal_issuer.url), monotonic=clock)
    kid = kids(mortal_issuer)[0]
    assert await keys.find(kid)
    mortal_issuer.stop()
    for _ in range(20):
        clock.now += 3600
        assert await keys.find(kid)


@pytest.mark.attack("SDK-02")
async def test_past_the_hard_limit_nothing_is_verified(issuer, keys, clock):
    await keys.find(kids(issuer)[0])
    says(issuer, lambda _request: Response(status_code=503))
    clock.now += keyset.HARD_LIMIT_SECONDS
    with pytest.raises(KeysUnavailable):
        await keys.find(kids(issuer)[0])
    issuer.answers.clear()
    clock.now += 1
    assert await keys.find(kids(issuer)[0])


def endless(_request):
    async def chunks():
        for _ in range(50):
            yield b" " * (1 << 20)

    from starlette.responses import StreamingResponse

    return StreamingResponse(chunks(), media_type="application/json")


BAD_SETS = {
    "html": lambda _request: Response("<html>maintenance</html>", media_type="text/html"),
    "empty-keys": lambda _request: JSONResponse({"keys": []}),
    "keys-removed": lambda _request: JSONResponse({}),
    "50-MB": endless,
    "status-500": lambda _request: JSONResponse({"keys": []}, 500),
    "redirect": lambda _request: RedirectResponse("/elsewhere"),
    "gzip": lambda _request: Response(b"x", headers={"content-encoding": "gzip"}),
    "list": lambda _request: JSONResponse([]),
    "strings": lambda _request: JSONResponse({"keys": ["x"]}),
    "deep": lambda _request: Response(b"[" * 100_000),
}


@pytest.mark.attack("SDK-03")
@pytest.mark.parametrize("answer", BAD_SETS.values(), ids=BAD_SETS)
async def test_unsound_answer_leaves_the_last_good_set(issuer, keys, clock, caplog, answer):
    await keys.find(kids(issuer)[0])
    says(issuer, answer)
    clock.now += issuer.max_age
    for kid in kids(issuer):
        assert await keys.find(kid)
    assert "the last good set of 3 stays" in caplog.text
    assert issuer.fetched["/elsewhere"] == 0


@pytest.mark.attack("SDK-03")
async def test_keys_of_another_issuer_do_not_drive_out_the_known_ones(issuer, keys, clock, caplog):
    await keys.find(kids(issuer)[0])
    theirs = jwk.ECKey.generate_key("P-256")
    says(issuer, lambda _request: JSONResponse({"keys": [issuer.public_jwk("ES256", theirs)]}))
    clock.now += issuer.max_age
    assert await keys.find(kids(issuer)[0])
    assert "changed all of its keys" in caplog.text
    issuer.answers.clear()
    clock.now += keyset.REPLACEMENT_SECONDS - 1
    assert await keys.find(kids(issuer)[0])
    await until(lambda: issuer.jwks_fetches == 3)


async def test_full_replacement_of_all_keys_is_complete_after_a_while(issuer, keys, clock):
    old = kids(issuer)[0]
    await keys.find(old)
    issuer.keys = {"ES256": jwk.ECKey.generate_key("P-256")}
    assert await keys.find(kids(issuer)[0])
    assert await keys.find(old)
    clock.now += keyset.REPLACEMENT_SECONDS
    assert await keys.find(old) is None
    assert await keys.find(kids(issuer)[0])
