"""Tokens in cookies: signing in, using them, refreshing, signing out."""

from datetime import timedelta

import httpx2
import pytest

from app.wiring import Services
from tests.browser_transport.browser import Browser
from tests.support import Events, People, bearer, claims_of, problem

pytestmark = pytest.mark.anyio

COOKIES = ("session", "access", "refresh")


async def test_signing_in_by_cookie_puts_no_token_into_the_body(browser: Browser) -> None:
    answer = await browser.sign_in(audience="orders-api")
    body = answer.json()
    assert body.keys() == {"expires_in", "refresh_expires_in", "scope"}
    assert (body["expires_in"], body["scope"]) == (600, "orders:read")
    assert 86_000 < body["refresh_expires_in"] <= 86_400
    assert claims_of(str(browser.cookie("access")))["aud"] == "orders-api"
    assert str(browser.cookie("refresh")).startswith("rt_")
    for name in COOKIES:
        assert str(browser.cookie(name)) not in answer.text


@pytest.mark.attack("SES-02")
async def test_over_tls_every_cookie_is_bound_to_the_host_and_hidden_from_scripts(secure: Browser) -> None:
    await secure.client.get("/auth/csrf")
    lines = (await secure.client.get("/auth/csrf")).headers.get_list("set-cookie")
    assert lines == []
    secure.client.cookies.clear()
    lines = (await secure.client.get("/auth/csrf")).headers.get_list("set-cookie")
    lines += (await secure.sign_in()).headers.get_list("set-cookie")
    lines += (await secure.send("POST", "/auth/refresh?transport=cookie")).headers.get_list("set-cookie")
    lines += (await secure.send("POST", "/auth/logout")).headers.get_list("set-cookie")
    assert {line.partition("=")[0] for line in lines} == {f"__Host-{name}" for name in (*COOKIES, "csrf", "challenge")}
    for line in lines:
        attributes = {part.strip().lower() for part in line.split(";")[1:]}
        assert {"secure", "httponly", "samesite=lax", "path=/"} <= attributes
        assert not [part for part in attributes if part.startswith("domain")]


async def test_in_development_on_plain_http_the_names_go_without_prefix(browser: Browser) -> None:
    lines = (await browser.sign_in()).headers.get_list("set-cookie")
    for line in lines:
        attributes = {part.strip().lower() for part in line.split(";")[1:]}
        assert {"httponly", "samesite=lax", "path=/"} <= attributes
        assert "secure" not in attributes
    assert {line.partition("=")[0] for line in lines} == {*COOKIES, "csrf"}


async def test_the_session_cookie_is_stored_only_as_a_hash(browser: Browser, services: Services) -> None:
    await browser.sign_in()
    value, sid = str(browser.cookie("session")), claims_of(str(browser.cookie("access")))["sid"]
    row = await services.db.fetchrow("SELECT sessions::text AS told FROM sessions WHERE sid = $1", sid)
    assert row is not None
    assert value not in row["told"]
    assert value.removeprefix("bs_").encode().hex() not in row["told"]
    assert sid not in value


async def test_a_session_cookie_opens_the_account(browser: Browser) -> None:
    await browser.sign_in()
    me = await browser.client.get("/auth/me")
    assert me.json()["email"] == "ann@example.com"
    changed = await browser.send("PATCH", "/auth/me", json={"name": "Ann"})
    assert changed.json()["name"] == "Ann"
    (item,) = (await browser.client.get("/auth/sessions")).json()["items"]
    assert item["current"]


async def test_a_narrowed_grant_stays_narrow_for_its_cookie(
    browser: Browser, services: Services, people: People
) -> None:
    await browser.sign_in(audience="orders-api", scope="orders:read")
    raw = str(browser.cookie("session"))
    found = await services.browsers.find_live(raw)
    assert found is not None
    assert found.scopes == ()


async def test_validate_takes_no_cookie(browser: Browser) -> None:
    await browser.sign_in()
    problem(await browser.client.get("/auth/validate"), 401, "missing_token")


@pytest.mark.parametrize("path", ["/auth/me", "/auth/validate", "/auth/sessions"])
async def test_cookie_and_authorization_together_are_refused(browser: Browser, people: People, path: str) -> None:
    tokens = await people.log_in()
    await browser.sign_in()
    answer = await browser.client.get(path, headers=bearer(tokens))
    problem(answer, 400, "ambiguous_credentials")


async def test_an_unsafe_request_with_cookie_and_authorization_is_ambiguous_too(
    browser: Browser, people: People
) -> None:
    tokens = await people.log_in()
    await browser.sign_in()
    problem(await browser.client.post("/auth/logout", headers=bearer(tokens)), 400, "ambiguous_credentials")
    both = bearer(tokens) | await browser.proofs()
    answer = await browser.client.post("/auth/refresh?transport=cookie", headers=both)
    problem(answer, 400, "ambiguous_credentials")


async def test_two_session_cookies_are_refused(browser: Browser) -> None:
    await browser.sign_in()
    value = browser.cookie("session")
    browser.client.cookies.clear()
    answer = await browser.client.get("/auth/me", headers={"Cookie": f"session={value}; session={value}"})
    problem(answer, 400, "ambiguous_credentials")


@pytest.mark.parametrize("options", [{}, {"json": {}}, {"json": {"audience": "billing-api"}}])
@pytest.mark.parametrize("query", ["", "?transport=cookie"])
async def test_refreshing_by_cookie_answers_by_cookie(browser: Browser, options: dict[str, object], query: str) -> None:
    await browser.sign_in(audience="orders-api")
    before = {name: browser.cookie(name) for name in COOKIES}
    answer = await browser.send("POST", f"/auth/refresh{query}", **options)
    assert answer.status_code == 200, answer.text
    assert answer.json().keys() == {"expires_in", "refresh_expires_in", "scope"}
    assert browser.cookie("session") == before["session"]
    assert browser.cookie("refresh") != before["refresh"]
    wanted = "billing-api" if options.get("json") else "orders-api"
    assert claims_of(str(browser.cookie("access")))["aud"] == wanted
    assert await browser.is_signed_in()


async def test_refreshing_by_cookie_needs_one(browser: Browser) -> None:
    problem(await browser.send("POST", "/auth/refresh?transport=cookie"), 401, "missing_token")
    problem(await browser.send("POST", "/auth/refresh"), 400, "missing_body")
    body = problem(await browser.send("POST", "/auth/refresh", json={}), 422, "validation_failed")
    assert body["errors"] == [{"pointer": "/refresh_token", "detail": "This is required."}]


async def test_a_refresh_token_from_the_body_never_goes_into_cookies(browser: Browser, people: People) -> None:
    token = (await people.log_in())["refresh_token"]
    answer = await browser.send("POST", "/auth/refresh?transport=cookie", json={"refresh_token": token})
    problem(answer, 400, "bad_request")
    problem(await browser.send("POST", "/auth/refresh?transport=carrier-pigeon", json={}), 400, "bad_request")
    await browser.sign_in()
    answer = await browser.client.post("/auth/refresh", json={"refresh_token": token})
    assert answer.json()["refresh_token"].startswith("rt_")
    assert answer.headers.get_list("set-cookie") == []


async def test_another_transport_is_refused(browser: Browser) -> None:
    answer = await browser.client.post("/auth/login?transport=x", json={"email": "a@example.com", "password": "x"})
    problem(answer, 422, "validation_failed")


async def test_a_spent_refresh_cookie_that_comes_back_ends_the_session(browser: Browser, services: Services) -> None:
    await browser.sign_in()
    session, spent = str(browser.cookie("session")), str(browser.cookie("refresh"))
    assert (await browser.send("POST", "/auth/refresh?transport=cookie")).status_code == 200
    services.clock.offset += timedelta(seconds=11)
    browser.put("refresh", spent)
    browser.add("session", session)
    problem(await browser.send("POST", "/auth/refresh?transport=cookie"), 401, "refresh_token_reused")
    assert not await browser.is_signed_in()


async def test_signing_out_takes_the_cookies_away_and_ends_the_session(browser: Browser, events: Events) -> None:
    await browser.sign_in()
    answer = await browser.send("POST", "/auth/logout")
    assert answer.status_code == 204
    assert {browser.cookie(name) for name in COOKIES} == {None}
    (entry,) = await events.of("session.revoked")
    assert entry["details"]["reason"] == "logout"


async def test_deleting_the_account_takes_the_cookies_away(browser: Browser) -> None:
    await browser.sign_in()
    assert (await browser.send("DELETE", "/auth/me")).status_code == 204
    assert {browser.cookie(name) for name in COOKIES} == {None}


async def test_signing_out_with_a_token_sets_no_cookie(api: httpx2.AsyncClient, people: People) -> None:
    tokens = await people.signed_in()
    answer = await api.post("/auth/logout", headers=bearer(tokens))
    assert answer.headers.get_list("set-cookie") == []
