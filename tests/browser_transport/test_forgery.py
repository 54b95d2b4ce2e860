"""Requests that another site makes the browser send."""

from typing import Any

import httpx2
import pytest

from app.foundation.engines.lock import Engines
from app.wiring import build
from tests.browser_transport.browser import Browser
from tests.browser_transport.conftest import opened
from tests.conftest import settings_for
from tests.support import ISSUER, PASSWORD, Events, People, problem

pytestmark = pytest.mark.anyio

CROSS_SITE: dict[str, dict[str, str]] = {
    "no Origin": {},
    "Origin null": {"Origin": "null"},
    "Origin null, cross-site": {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
    "another site": {"Origin": "https://evil.test", "Sec-Fetch-Site": "cross-site"},
    "sibling subdomain": {"Origin": "http://evil.localhost:8000", "Sec-Fetch-Site": "same-site"},
    "sibling port": {"Origin": "http://localhost:8001", "Sec-Fetch-Site": "same-site"},
    "our name as a prefix": {"Origin": "http://localhost:8000.evil.test"},
    "other scheme": {"Origin": "https://localhost:8000"},
    "only same-site": {"Sec-Fetch-Site": "same-site"},
    "user typed": {"Sec-Fetch-Site": "none"},
    "foreign, though it says same-origin": {"Origin": "https://evil.test", "Sec-Fetch-Site": "same-origin"},
}
BODIES: dict[str, dict[str, Any]] = {
    "no body": {},
    "form post": {"data": {"everywhere": "true"}},
    "text/plain JSON": {"content": b'{"everywhere": true}', "headers": {"Content-Type": "text/plain"}},
    "fetch with JSON": {"json": {"everywhere": True}},
    "multipart": {"files": {"a": b"b"}},
}
UNSAFE = [("POST", "/auth/logout"), ("PATCH", "/auth/me"), ("DELETE", "/auth/me"), ("POST", "/auth/refresh")]


@pytest.mark.attack("SES-03")
@pytest.mark.parametrize("where", CROSS_SITE)
async def test_what_another_site_makes_the_browser_send_is_refused(
    browser: Browser, events: Events, where: str
) -> None:
    await browser.sign_in()
    token = await browser.csrf()
    for method, path in UNSAFE:
        for options in BODIES.values():
            headers = {**options.get("headers", {}), **CROSS_SITE[where], "X-CSRF-Token": token}
            answer = await browser.client.request(method, path, **{**options, "headers": headers})
            problem(answer, 403, "csrf_failed")
            assert "access-control-allow-origin" not in answer.headers
    assert await browser.is_signed_in()
    assert await events.of("session.revoked") == []


@pytest.mark.attack("SES-03")
@pytest.mark.parametrize("token", [None, "", "x", "A" * 48, "é", "A" * 10_000])
async def test_our_own_origin_without_the_token_is_refused(browser: Browser, token: str | None) -> None:
    await browser.sign_in()
    headers = {"Origin": ISSUER} | ({} if token is None else {"X-CSRF-Token": token})
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    for method, path in UNSAFE:
        problem(await browser.client.request(method, path, headers=raw), 403, "csrf_failed")
    assert await browser.is_signed_in()


@pytest.mark.attack("SES-03")
async def test_a_token_is_good_for_its_own_session_alone(browser: Browser) -> None:
    before = await browser.csrf()
    await browser.sign_in()
    first = await browser.csrf()
    await browser.sign_in()
    assert len({before, first, await browser.csrf()}) == 3
    for token in (before, first):
        headers = {"Origin": ISSUER, "X-CSRF-Token": token}
        problem(await browser.client.post("/auth/logout", headers=headers), 403, "csrf_failed")


async def test_a_form_may_carry_the_token_as_a_field(browser: Browser) -> None:
    await browser.sign_in()
    form = {"csrf_token": await browser.csrf()}
    # The check is passed; that the route reads JSON is another matter.
    answer = await browser.client.post("/auth/logout", data=form, headers={"Origin": ISSUER})
    problem(answer, 415, "unsupported_media_type")
    twice = f"csrf_token={form['csrf_token']}&csrf_token=x".encode()
    headers = {"Origin": ISSUER, "Content-Type": "application/x-www-form-urlencoded"}
    problem(await browser.client.post("/auth/logout", content=twice, headers=headers), 403, "csrf_failed")


async def test_a_form_of_a_page_without_referrer_is_known_by_fetch_metadata(browser: Browser) -> None:
    await browser.sign_in()
    for headers in ({"Origin": "null", "Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "same-origin"}):
        proofs = headers | {"X-CSRF-Token": await browser.csrf()}
        assert (await browser.client.patch("/auth/me", json={"name": "Ann"}, headers=proofs)).status_code == 200


@pytest.mark.attack("SES-03")
@pytest.mark.parametrize("where", ["Origin null", "another site", "sibling subdomain", "only same-site"])
async def test_another_site_cannot_sign_the_browser_in(browser: Browser, where: str) -> None:
    body = {"email": "ann@example.com", "password": PASSWORD}
    answer = await browser.client.post("/auth/login?transport=cookie", json=body, headers=CROSS_SITE[where])
    problem(answer, 403, "csrf_failed")
    assert answer.headers.get_list("set-cookie") == []


async def test_a_program_without_origin_may_sign_in(browser: Browser) -> None:
    body = {"email": "ann@example.com", "password": PASSWORD}
    assert (await browser.client.post("/auth/login?transport=cookie", json=body)).status_code == 200


async def test_a_bearer_token_needs_no_proof_of_its_page(api: httpx2.AsyncClient, people: People) -> None:
    tokens = await people.signed_in()
    headers = {"Authorization": f"Bearer {tokens['access_token']}", "Origin": "https://elsewhere.test"}
    assert (await api.post("/auth/logout", headers=headers)).status_code == 204


async def test_before_signing_in_the_token_belongs_to_a_cookie_of_its_own(api: httpx2.AsyncClient) -> None:
    first = await api.get("/auth/csrf")
    assert first.headers["cache-control"] == "no-store"
    again = await api.get("/auth/csrf")
    assert first.json() == again.json()
    assert api.cookies.get("csrf") not in first.text
    api.cookies.clear()
    assert (await api.get("/auth/csrf")).json() != first.json()


SPA = "https://app.example.com"


@pytest.mark.attack("SES-08")
async def test_an_origin_of_the_setting_may_use_the_cookies_and_its_siblings_may_not(
    browser: Browser, database_url: str, engines: Engines
) -> None:
    services = build(settings_for(database_url, engines, cors={"origins": [SPA]}))
    await services.open()
    async with opened(services, ISSUER) as client:
        page = Browser(client, SPA)
        await page.sign_in()
        answer = await page.send("PATCH", "/auth/me", json={"name": "Ann"})
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == SPA
        assert answer.headers["access-control-allow-credentials"] == "true"
        foreign = ["https://evil.test", "null", "https://x.app.example.com", "https://app.example.com.evil.test"]
        for origin in foreign:
            headers = await page.proofs() | {"Origin": origin}
            refused = await client.patch("/auth/me", json={"name": "Eve"}, headers=headers)
            problem(refused, 403, "csrf_failed")
            token = await client.get("/auth/csrf", headers={"Origin": origin})
            preflight = await client.options(
                "/auth/me", headers={"Origin": origin, "Access-Control-Request-Method": "PATCH"}
            )
            for told in (refused, token, preflight):
                assert not [name for name in told.headers if name.startswith("access-control-")]
    await services.close()
