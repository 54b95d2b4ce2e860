"""Browser sessions: new at sign-in and step-up, idle and absolute limits, dead when they end."""

import re
from datetime import timedelta

import httpx2
import pytest
from sqlalchemy import text

from app.foundation.engines.lock import Engines
from app.wiring import Services, build
from tests.browser_transport.browser import Browser
from tests.browser_transport.conftest import opened
from tests.conftest import settings_for
from tests.support import ISSUER, Events, People, claims_of, problem, suspend

pytestmark = pytest.mark.anyio


@pytest.mark.attack("SES-01")
async def test_a_sign_in_gives_a_new_session_cookie_and_the_old_one_is_dead(browser: Browser, events: Events) -> None:
    await browser.sign_in()
    first, first_access = str(browser.cookie("session")), str(browser.cookie("access"))
    await browser.sign_in()
    second = str(browser.cookie("session"))
    assert first != second
    (entry,) = await events.of("session.revoked")
    assert entry["details"] == {"sid": claims_of(first_access)["sid"], "reason": "signed_in_again"}
    browser.put("session", first)
    assert not await browser.is_signed_in()
    browser.put("session", second)
    assert await browser.is_signed_in()


@pytest.mark.attack("SES-01")
async def test_a_planted_session_cookie_does_not_survive_the_sign_in(browser: Browser) -> None:
    planted = "bs_" + "A" * 43
    browser.put("session", planted)
    await browser.sign_in()
    assert browser.cookie("session") != planted
    browser.put("session", planted)
    assert not await browser.is_signed_in()


@pytest.mark.attack("SES-01")
async def test_a_step_up_gives_a_new_session_cookie_and_the_old_one_is_dead(
    browser: Browser, services: Services
) -> None:
    await browser.sign_in()
    before = str(browser.cookie("session"))
    caller = await services.browsers.find_live(before)
    assert caller is not None
    async with services.db.transaction() as tx:
        cookie = await services.sessions.rotate_cookie(tx, caller.session_id)
    assert cookie is not None
    assert 86_390 <= cookie.max_age_seconds <= 86_400
    browser.put("session", before)
    assert not await browser.is_signed_in()
    browser.put("session", cookie.raw_value)
    assert await browser.is_signed_in()


async def test_only_a_live_session_of_a_browser_gets_another_cookie(
    browser: Browser, services: Services, people: People
) -> None:
    sid = claims_of((await people.log_in())["access_token"])["sid"]
    await browser.sign_in()
    ended = claims_of(str(browser.cookie("access")))["sid"]
    await browser.send("POST", "/auth/logout")
    async with services.db.transaction() as tx:
        rows = await tx.execute(text("SELECT id FROM sessions WHERE sid IN (:a, :b)"), {"a": sid, "b": ended})
        for row in rows.all():
            assert await services.sessions.rotate_cookie(tx, row.id) is None


@pytest.mark.attack("SES-04")
async def test_an_idle_session_asks_for_a_sign_in_whose_time_is_new(browser: Browser, services: Services) -> None:
    await browser.sign_in()
    auth_time = claims_of(str(browser.cookie("access")))["auth_time"]
    value, refresh = str(browser.cookie("session")), str(browser.cookie("refresh"))
    services.clock.offset += timedelta(seconds=3601)
    browser.put("session", value)
    problem(await browser.client.get("/auth/me"), 401, "missing_token")
    browser.add("refresh", refresh)
    problem(await browser.send("POST", "/auth/refresh"), 401, "invalid_refresh_token")
    await browser.sign_in()
    assert claims_of(str(browser.cookie("access")))["auth_time"] > auth_time + 3600


@pytest.mark.attack("SES-04")
@pytest.mark.parametrize("way", ["request", "refresh"])
async def test_use_keeps_a_session_awake_until_its_absolute_limit(
    browser: Browser, services: Services, way: str
) -> None:
    await browser.sign_in()
    cookies = {name: str(browser.cookie(name)) for name in ("session", "refresh")}
    for _ in range(27):
        services.clock.offset += timedelta(seconds=3100)
        # The clock of the cookie jar stands still; what expires there is no matter here.
        if way == "request":
            browser.put("session", cookies["session"])
            assert await browser.is_signed_in()
        else:
            assert (await browser.send("POST", "/auth/refresh")).status_code == 200
    services.clock.offset += timedelta(seconds=86_401 - 27 * 3100)
    problem(await browser.client.get("/auth/me"), 401, "missing_token")


async def test_a_session_is_read_by_each_request_and_written_once_in_minutes(
    browser: Browser, services: Services
) -> None:
    await browser.sign_in()
    changes = set()
    for _ in range(11):
        services.clock.offset += timedelta(seconds=60)
        assert await browser.is_signed_in()
        row = await services.db.fetchrow("SELECT renewed_at FROM sessions")
        assert row is not None
        changes.add(row[0])
    assert len(changes) == 3


@pytest.mark.attack("SES-05")
async def test_after_sign_out_the_old_cookie_is_dead_in_every_process_and_without_the_cache(
    browser: Browser, database_url: str, engines: Engines
) -> None:
    # Another process: services of its own, whose cache nobody can reach.
    elsewhere = build(settings_for(database_url, engines, redis={"url": "redis://127.0.0.1:1/0"}))
    await elsewhere.open()
    async with opened(elsewhere, ISSUER) as client:
        await browser.sign_in()
        cookies = {name: str(browser.cookie(name)) for name in ("session", "access", "refresh")}
        header = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
        assert (await client.get("/auth/me", headers=header)).status_code == 200
        assert (await browser.send("POST", "/auth/logout")).status_code == 204
        for where in (client, browser.client):
            page = await where.get("/auth/me", headers=header)
            problem(page, 401, "missing_token")
            # Nothing is left for the back button.
            assert page.headers["cache-control"] == "no-store"
            token = {"Authorization": f"Bearer {cookies['access']}"}
            problem(await where.get("/auth/validate", headers=token), 401, "invalid_token")
            answer = await where.post("/auth/refresh", json={"refresh_token": cookies["refresh"]})
            problem(answer, 401, "invalid_refresh_token")
    await elsewhere.close()


async def test_a_suspended_user_s_cookie_is_dead(browser: Browser, services: Services) -> None:
    await browser.sign_in()
    await suspend(services, claims_of(str(browser.cookie("access")))["sub"])
    assert not await browser.is_signed_in()


MALFORMED = [
    b"bs_" + b"A" * 43,
    b"bs_" + b"A" * 42,
    b"bs_" + b"A" * 44,
    b"A" * 10_000,
    b"bs_" + b"A" * 9_000,
    b"bs_\x00" + b"A" * 42,
    b"\x00",
    b"",
    b'{"sid": "x"}',
    b'"bs_' + b"A" * 43 + b'"',
    b"bs_" + b"\xff" * 43,
    b"eyJhbGciOiJub25lIn0.e30.",
    b"../../etc/passwd",
    b"%00",
    b"' OR 1=1 --",
]


@pytest.mark.attack("SES-07")
@pytest.mark.parametrize("value", MALFORMED, ids=lambda value: re.sub(r"\W+", "_", repr(value[:20])))
@pytest.mark.parametrize("path", ["/auth/me", "/auth/sessions", "/auth/validate"])
async def test_a_forged_or_malformed_cookie_is_no_sign_in(
    steady_api: httpx2.AsyncClient, value: bytes, path: str
) -> None:
    for name in (b"session", b"access", b"refresh", b"csrf"):
        answer = await steady_api.get(path, headers=[(b"Cookie", name + b"=" + value)])
        problem(answer, 401, "missing_token")
    assert (await steady_api.get("/auth/csrf", headers=[(b"Cookie", b"session=" + value)])).status_code == 200
    assert (await steady_api.get("/auth/csrf", headers=[(b"Cookie", b"csrf=" + value)])).status_code == 200


@pytest.mark.attack("SES-07")
async def test_a_forged_cookie_opens_no_unsafe_route(api: httpx2.AsyncClient) -> None:
    browser = Browser(api, ISSUER)
    browser.put("session", "bs_" + "A" * 43)
    problem(await browser.send("POST", "/auth/logout"), 401, "missing_token")
    browser.put("refresh", "x" * 10_000)
    problem(await browser.send("POST", "/auth/refresh"), 401, "invalid_refresh_token")


@pytest.mark.attack("SES-07")
async def test_the_value_of_a_genuine_cookie_with_one_character_changed_is_no_sign_in(browser: Browser) -> None:
    await browser.sign_in()
    value = str(browser.cookie("session"))
    for changed in (value[:-1] + ("A" if value[-1] != "A" else "B"), value.swapcase(), value + "=", value[3:]):
        browser.put("session", changed)
        assert not await browser.is_signed_in()
