"""When somebody has signed in: when the provider asked them, and not when it sent them back without a question."""

from datetime import timedelta
from typing import Any

import pytest

from app.hosted.begin import SignInRequirements
from app.wiring import Services
from tests.brokering.conftest import Browser, own, someone
from tests.brokering.test_pages import begin
from tests.federation.oidc.provider import LEAVE_OUT, Provider
from tests.support import problem

pytestmark = pytest.mark.anyio


@pytest.fixture
def policies() -> dict[str, dict[str, Any]]:
    return {"corp": {}}


@pytest.fixture
def changes() -> dict[str, Any]:
    return {"account": {"fresh_auth_seconds": 120}}


async def is_fresh(browser: Browser) -> bool:
    """Whether the browser may do what needs a sign-in of the last minutes: here, nothing that would succeed."""
    [one] = (await browser.client.get("/auth/me/identities")).json()["items"]
    answer = await browser.client.delete(f"/auth/me/identities/{one['id']}", headers=await own(browser))
    if answer.status_code == 401:
        problem(answer, 401, "insufficient_user_authentication")
        return False
    problem(answer, 409, "last_way_in")
    return True


@pytest.mark.attack("RPF-08")
async def test_whoever_comes_back_without_a_question_has_not_just_signed_in(browsers, provider: Provider, services):
    """A browser that is left unattended, with a session at the provider: nothing that needs its owner is done there."""
    someone(provider)
    hour_ago = int((services.clock.now() - timedelta(hours=1)).timestamp())
    provider.id_token_changes = {"auth_time": hour_ago}
    found = browsers()
    assert (await found.sign_in()).status_code == 303
    assert not await is_fresh(found)
    [session] = (await found.client.get("/auth/sessions")).json()["items"]
    assert session["auth_time"].startswith(str((services.clock.now() - timedelta(hours=1)).date()))
    # Nor does it pass for what an app asks of its people (`prompt=login`).
    path = await begin(services, SignInRequirements(signed_in_after=services.clock.now()))
    await found.sign_in()
    page = await found.open(path)
    assert page.status_code == 200
    # Who is asked there has signed in, whatever little the clocks differ by.
    provider.id_token_changes = {"auth_time": int(services.clock.now().timestamp()) - 20}
    link = next(link for link in found.page.links if "/auth/oauth/corp/start" in link)
    answer = await found.open(link)
    await found.open(await found.at_provider(answer.headers["location"]))
    assert (await found.open(path)).headers["location"].startswith("/oauth/resume")
    assert await is_fresh(found)
    # Nobody signs in in the future.
    provider.id_token_changes = {"auth_time": int(services.clock.now().timestamp()) + 25}
    await found.sign_in()
    [session, *_] = (await found.client.get("/auth/sessions")).json()["items"]
    assert session["auth_time"] <= session["created_at"]


async def test_where_a_provider_does_not_say_when_whoever_is_signed_in_has_proven_nothing_anew(
    browsers, provider: Provider, services: Services
):
    someone(provider)
    provider.id_token_changes = {"auth_time": LEAVE_OUT}
    jo = browsers()
    await jo.sign_in()
    assert await is_fresh(jo)
    services.clock.offset += timedelta(minutes=3)
    await jo.sign_in()
    assert not await is_fresh(jo)
    elsewhere = browsers()
    await elsewhere.sign_in()
    assert await is_fresh(elsewhere)
