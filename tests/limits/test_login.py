"""The limits of sign-in and sign-up over HTTP, at the width of production."""

import asyncio

import pytest
from redis.asyncio import Redis

from app.foundation.engines.lock import Engines
from app.foundation.origin import Origin
from app.limits.errors import TooManyAttempts
from app.limits.sources import network_of, source_of
from app.wiring import Services, build
from tests.conftest import settings_for
from tests.limits.conftest import From, log_in, narrow
from tests.limits.test_quotas import commands
from tests.support import PASSWORD, Events, People, bearer, problem

pytestmark = pytest.mark.anyio


async def test_an_account_may_be_tried_five_times_a_minute_from_one_address(services: Services, sender: From) -> None:
    ann = sender(services, "192.0.2.7")
    await People(ann).sign_up()
    answers = [await log_in(ann) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    body = problem(answers[-1], 429, "too_many_attempts")
    assert "ann" not in str(body)
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 12
    # The right password is refused too, and the same account from elsewhere is not.
    assert (await log_in(ann, password=PASSWORD)).status_code == 429
    assert (await log_in(sender(services, "192.0.2.8"), password=PASSWORD)).status_code == 200


@pytest.mark.spec("draft-ietf-httpapi-ratelimit-headers-10 §3")
async def test_every_answer_to_a_sign_in_tells_where_its_limits_stand(services: Services, sender: From) -> None:
    ann = sender(services)
    await People(ann).sign_up()
    answers = [await log_in(ann, password=PASSWORD), await log_in(ann)]
    assert [answer.headers["ratelimit-policy"] for answer in answers] == [
        '"login-address";q=30;w=60, "login-account";q=5;w=60'
    ] * 2
    assert answers[0].headers["ratelimit"].startswith('"login-address";r=29;t=2, "login-account";r=4;t=12')
    assert (await ann.get("/auth/me", headers=bearer(answers[0].json()))).headers.get("ratelimit") is None


async def test_an_address_may_try_thirty_times_a_minute_whichever_accounts_it_tries(
    services: Services, sender: From
) -> None:
    client = sender(services, "2001:db8::1")
    tries = (log_in(client, f"person{number}@example.com") for number in range(40))
    answers = await asyncio.gather(*tries)
    passed = [answer for answer in answers if answer.status_code == 401]
    # Thirty at once, and one more for each two seconds that the machine took.
    assert 30 <= len(passed) < 40
    assert {answer.status_code for answer in answers} == {401, 429}


async def test_a_whole_slash_64_of_ipv6_is_one_address(engines: Engines, database_url: str, sender: From) -> None:
    services = build(narrow(database_url, engines, limits={"login_per_address": 1}))
    await services.open()
    try:
        for ip, status in [("2001:db8::1", 401), ("2001:db8::ffff", 429), ("2001:db8:0:1::1", 401)]:
            assert (await log_in(sender(services, ip), f"{ip[-4:]}@example.com")).status_code == status
    finally:
        await services.close()


async def test_malformed_requests_are_no_attempts(services: Services, sender: From) -> None:
    client = sender(services)
    for body in ({}, {"email": "ann@example.com"}, {"email": "a@example.com", "password": "x", "audience": "none"}):
        for _ in range(12):
            assert (await client.post("/auth/login", json=body)).status_code in (400, 422)
    for _ in range(12):
        answer = await client.post("/auth/signup", json={"email": "ann@example.com", "password": "short"})
        assert answer.status_code == 422
    await People(client).signed_in()


@pytest.mark.attack("DOS-03")
async def test_an_address_may_sign_up_ten_times_an_hour(services: Services, sender: From) -> None:
    client = sender(services, "192.0.2.7")
    for number in range(10):
        await People(client).sign_up(f"person{number}@example.com")
    refused = await client.post("/auth/signup", json={"email": "one-more@example.com", "password": PASSWORD})
    problem(refused, 429, "too_many_attempts")
    assert 60 <= int(refused.headers["retry-after"]) <= 360
    await People(sender(services, "192.0.2.8")).sign_up("one-more@example.com")


@pytest.mark.attack("DOS-03")
async def test_a_mailbox_gets_three_mails_in_fifteen_minutes_however_many_ask(services: Services) -> None:
    allowed = await asyncio.gather(*(services.limits.mail("ann@example.com") for _ in range(20)))
    assert sum(allowed) == 3
    assert await services.limits.mail("bob@example.com")


@pytest.mark.attack("DOS-03")
async def test_codes_asked_for_in_a_loop_mail_three_times_and_take_one_round_trip_each(
    services: Services, sender: From
) -> None:
    origins = [Origin(ip=f"192.0.2.{number}", user_agent=None, trace_id="0" * 32) for number in range(6)]
    assert await services.limits.login_by_mail("ann@example.com", origins[0])
    before = await commands(services.cache)
    allowed = [await services.limits.login_by_mail("ann@example.com", origin) for origin in origins[1:]]
    assert await commands(services.cache) - before == {"evalsha": 5}
    assert allowed == [True, True, False, False, False]
    # Asking for a mail and guessing share the account's limit.
    for _ in range(4):
        await services.limits.login("ann@example.com", origins[5])
    with pytest.raises(TooManyAttempts):
        await services.limits.login_by_mail("ann@example.com", origins[5])


async def test_processes_share_the_limits(
    services: Services, engines: Engines, database_url: str, sender: From
) -> None:
    other = build(narrow(database_url, engines))
    await other.open()
    try:
        clients = [sender(services), sender(other)] * 4
        answers = [await log_in(client) for client in clients]
        assert sorted(answer.status_code for answer in answers) == [401] * 5 + [429] * 3
    finally:
        await other.close()


async def test_without_valkey_the_limits_hold_in_the_process(engines: Engines, database_url: str, sender: From) -> None:
    alone = build(narrow(database_url, engines, redis={"url": None}))
    await alone.open()
    try:
        answers = [await log_in(sender(alone)) for _ in range(8)]
        assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 3
        assert "login-account" in answers[-1].headers["ratelimit"]
    finally:
        await alone.close()


async def test_in_development_every_limit_is_a_hundred_times_wider(
    engines: Engines, database_url: str, sender: From
) -> None:
    wide = build(settings_for(database_url, engines))
    await wide.open()
    try:
        answer = await log_in(sender(wide))
        assert answer.headers["ratelimit-policy"] == '"login-address";q=3000;w=60, "login-account";q=500;w=60'
    finally:
        await wide.close()


async def test_no_address_and_no_account_reaches_valkey_in_clear(
    services: Services, engines: Engines, sender: From
) -> None:
    ann = sender(services, "192.0.2.77")
    await People(ann).signed_in()
    await log_in(ann)
    async with Redis.from_url(engines.redis_url) as client:
        keys = [key async for key in client.scan_iter("*")]
        kinds = {key: await client.type(key) for key in keys}
        found = repr([keys, [await client.get(key) for key, kind in kinds.items() if kind == b"string"]])
    assert len(keys) >= 4
    assert "192.0.2" not in found
    assert "ann" not in found.lower().replace("channel", "")
    assert "example" not in found


@pytest.mark.parametrize(
    ("ip", "source", "network"),
    [
        ("192.0.2.7", "192.0.2.7/32", "192.0.2.0/24"),
        ("::ffff:192.0.2.7", "192.0.2.7/32", "192.0.2.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/64", "fe80::/48"),
        (None, "unknown", "unknown"),
        ("odd", "unknown", "unknown"),
    ],
)
def test_an_address_counts_as_its_source_and_its_network(ip: str | None, source: str, network: str) -> None:
    assert (source_of(ip), network_of(ip)) == (source, network)


@pytest.mark.attack("PWD-03")
async def test_a_password_sprayed_over_many_accounts_raises_the_alarm_and_is_slowed(
    database_url: str, engines: Engines, sender: From
) -> None:
    limits = {"login_per_address": 10_000, "spraying_accounts": 30, "spraying_accounts_per_network": 10_000}
    services = build(narrow(database_url, engines, limits={**limits, "spraying_login": 1}))
    await services.open()
    try:
        people = People(sender(services, "192.0.2.7"))
        await people.signed_in()
        await people.sign_up("bob@example.com")
        # Each try from a network of its own, at an account of its own: no other limit sees it.
        addresses = [f"10.{number}.0.1" for number in range(60)]
        answers = [
            await log_in(sender(services, ip), f"person{number}@example.com") for number, ip in enumerate(addresses)
        ]
        assert {answer.status_code for answer in answers[:25]} == {401}
        refused = [answer for answer in answers if answer.status_code == 429]
        assert len(refused) >= 15
        problem(refused[-1], 429, "too_many_attempts")
        assert "spraying" not in str(refused[-1].headers)
        [alarm] = await Events(services).of("login.spraying")
        assert alarm["details"]["failing_accounts"] >= 28
        assert "network" not in alarm["details"]
        # Where an account has signed in before, it goes on signing in.
        await people.log_in()
    finally:
        await services.close()
