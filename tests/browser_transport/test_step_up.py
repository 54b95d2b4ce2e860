import pytest

from tests.support import PASSWORD, claims_of

pytestmark = pytest.mark.anyio


@pytest.mark.attack("SES-01")
async def test_a_step_up_gives_the_browser_another_session_cookie_and_the_old_one_is_dead(browser):
    await browser.sign_in(audience="orders-api")
    before, token_before = browser.cookie("session"), browser.cookie("access")
    answer = await browser.send("POST", "/auth/reauthenticate", json={"password": PASSWORD})
    assert answer.status_code == 200, answer.text
    assert sorted(answer.json()) == ["expires_in", "scope"]
    after, token_after = browser.cookie("session"), browser.cookie("access")
    assert after not in (None, before)
    assert claims_of(token_after)["aud"] == claims_of(token_before)["aud"] == "orders-api"
    assert claims_of(token_after)["sid"] == claims_of(token_before)["sid"]
    assert await browser.is_signed_in()
    browser.put("session", before)
    assert not await browser.is_signed_in()
    browser.put("session", after)
    assert await browser.is_signed_in()


async def test_a_refused_step_up_leaves_the_cookies_as_they_are(browser):
    await browser.sign_in()
    before = browser.cookie("session")
    answer = await browser.send("POST", "/auth/reauthenticate", json={"password": "wrong"})
    assert answer.status_code == 401
    assert browser.cookie("session") == before
    assert await browser.is_signed_in()


async def test_another_sites_page_cannot_step_up(browser):
    await browser.sign_in()
    foreign = {"Origin": "https://evil.example.com"}
    answer = await browser.client.post("/auth/reauthenticate", json={"password": PASSWORD}, headers=foreign)
    assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed")
