"""The authorization endpoint, as a client and its user meet it."""

import asyncio

import httpx2
import pytest

from app.wiring import Services
from tests.oauth.people_at_browsers import AUTHORIZE, CALLBACK, VERIFIER, Browser, error_of, members
from tests.support import Events

pytestmark = pytest.mark.anyio


async def code_of(browser: Browser, app_id: str, **changed: str | None) -> str:
    """A code, with the user's consent where it is asked for."""
    answer = await browser.go(app_id, **changed)
    if answer.headers["location"].startswith("/oauth/consent"):
        answer = await browser.answer_question(await browser.get(answer.headers["location"]))
    return members(answer)["code"]


@pytest.mark.attack("AUT-21")
@pytest.mark.attack("AUT-20")
async def test_a_client_gets_a_code_once_its_user_is_signed_in_and_agrees(
    browser: Browser, app_id: str, api: httpx2.AsyncClient, events: Events
):
    to_sign_in = await browser.go(app_id, nonce="n-0S6_WzA2Mj")
    assert to_sign_in.status_code == 303
    assert to_sign_in.headers["location"].startswith("/login?flow=")
    await browser.sign_in()
    to_question = await browser.go(app_id, nonce="n-0S6_WzA2Mj")
    assert to_question.headers["location"].startswith("/oauth/consent?flow=")
    page = await browser.get(to_question.headers["location"])
    assert "Allow Parcel Lens to use your account?" in page.text
    answer = await browser.answer_question(page)
    found = members(answer)
    assert found["state"] == "af0ifjsldkj"
    form = {"grant_type": "authorization_code", "code": found["code"], "redirect_uri": CALLBACK}
    tokens = await api.post("/oauth/token", data={**form, "client_id": app_id, "code_verifier": VERIFIER})
    assert tokens.status_code == 200, tokens.text
    assert tokens.json()["id_token"]
    # The next time nobody is asked.
    assert members(await browser.go(app_id))["code"] != found["code"]
    (consent,) = await events.of("consent.granted")
    assert consent["details"]["client_id"] == app_id
    assert await events.of("authorization.refused") == []


async def test_of_ten_who_end_one_flow_at_once_one_gets_a_code(browser: Browser, app_id: str, services: Services):
    await browser.sign_in()
    page = await browser.get((await browser.go(app_id)).headers["location"])
    answers = await asyncio.gather(*(browser.answer_question(page) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [303, *[400] * 9]
    waiting = (await browser.go(app_id, prompt="select_account")).headers["location"]
    async with services.db.transaction() as tx:
        rows = await tx.exec_driver_sql("SELECT id FROM flows WHERE outcome = 'pending'")
        (flow_id,) = rows.scalars()
    assert waiting.startswith("/login")
    resumed = await asyncio.gather(*(browser.get(f"{AUTHORIZE}/resume?flow={flow_id}") for _ in range(10)))
    assert sorted(answer.status_code for answer in resumed) == [303, *[400] * 9]


@pytest.mark.attack("AUT-16")
async def test_prompt_none_is_answered_by_redirect_and_is_no_refusal(browser: Browser, app_id: str, events: Events):
    assert error_of(await browser.go(app_id, prompt="none")) == "login_required"
    await browser.sign_in()
    assert error_of(await browser.go(app_id, prompt="none")) == "consent_required"
    await code_of(browser, app_id)
    assert members(await browser.go(app_id, prompt="none"))["code"]
    assert error_of(await browser.go(app_id, prompt="none", scope="openid email")) == "consent_required"
    assert error_of(await browser.go(app_id, prompt="none", acr_values="aal2")) == "interaction_required"
    assert await events.of("authorization.refused") == []
