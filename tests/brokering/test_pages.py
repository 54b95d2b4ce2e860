"""Providers on the sign-in pages: buttons, mail domains, a second factor afterwards, and a fresh proof."""

from datetime import timedelta
from typing import Any

import httpx2
import pyotp
import pytest

from app.hosted.begin import ClientShown, SignInPages, SignInRequirements
from app.protocols.assurance import ACR
from app.wiring import Services
from tests.brokering.conftest import APP, VERIFIER, Browser, someone, told
from tests.federation.oidc.provider import LEAVE_OUT
from tests.support import ISSUER, bearer, claims_of

pytestmark = pytest.mark.anyio


@pytest.fixture
def policies() -> dict[str, dict[str, Any]]:
    more = {f"more{number}": {} for number in range(5)}
    return {"corp": {"domains": ["corp.example"]}, "secret": {"shown": False}, **more}


async def begin(services: Services, requirements: SignInRequirements) -> str:
    pages: SignInPages = services.hosted.sign_in
    async with services.db.transaction() as tx:
        return await pages.begin(tx, requirements, resume_at="/oauth/resume?flow=1")


async def choose(browser: Browser, provider_name: str = "corp") -> str:
    """Press the button of a provider on the page, and return where it sends the browser back to."""
    link = next(link for link in browser.page.links if f"/auth/oauth/{provider_name}/start" in link)
    answer = await browser.open(link)
    assert answer.status_code == 303, answer.text
    return await browser.at_provider(answer.headers["location"])


async def test_the_sign_in_page_has_a_button_for_each_provider_that_is_shown(browsers, provider, services):
    email = someone(provider)
    jo = browsers()
    await jo.open(await begin(services, SignInRequirements(client=ClientShown(name="Orders"))))
    assert "Sign in with your company account" in jo.page.words
    assert "Sign in with More1" in jo.page.words
    assert "More ways" in jo.page.words
    assert "Secret" not in jo.page.words
    assert "last used" not in jo.page.words
    await jo.open(await choose(jo))
    await jo.follow()
    assert jo.last.headers.get("location") is None or jo.last.url.path.startswith("/oauth/resume")
    assert (await jo.who())["email"] == email
    # Alone, without an app.
    ann = browsers()
    await ann.open("/login")
    await ann.open(await choose(ann))
    assert ann.last.headers["location"] == "/"
    assert (await ann.who())["email"] == email
    # The one that the browser came back from stands at once where it is found, and is marked.
    await ann.open(await ann.start("more4"))
    ann.client.cookies.delete("session")
    await ann.open("/login")
    assert "Sign in with More4 last used" in ann.page.words.partition("More ways")[0]
    assert ann.page.words.count("last used") == 1


async def test_people_of_a_providers_domain_are_sent_there_by_their_address(browsers, provider, services):
    someone(provider)
    jo = browsers()
    await jo.open(await begin(services, SignInRequirements()))
    await jo.submit(email="Someone@CORP.example", step="identify")
    assert jo.last.status_code == 200
    assert jo.page.heading == "You sign in at Corp"
    refresh = jo.last.headers["refresh"]
    assert refresh.startswith("0; url=/auth/oauth/corp/start?flow=")
    answer = await jo.open(refresh.partition("url=")[2])
    back = await jo.at_provider(answer.headers["location"])
    assert provider.asked[-1]["login_hint"] == "Someone@CORP.example"
    await jo.open(back)
    assert jo.last.headers["location"].startswith("/login?flow=")
    # Nobody else is.
    ann = browsers()
    await ann.open("/login")
    await ann.submit(email="ann@notcorp.example", step="identify")
    await ann.follow()
    assert ann.page.heading == "Enter your password"


async def test_a_sign_in_of_another_browser_is_not_taken_along(browsers, provider, services):
    jo, thief = browsers(), browsers()
    path = await begin(services, SignInRequirements())
    await jo.open(path)
    link = next(link for link in jo.page.links if "/auth/oauth/corp/start" in link)
    assert (await thief.open(link)).status_code == 400
    assert thief.page.heading == "This sign-in is over"


async def test_a_second_factor_is_asked_for_after_the_provider_and_before_the_app(
    browsers, provider, services: Services, app_client, events
):
    email = someone(provider)
    secret = await enrol_totp(browsers(), browsers().client, services)
    for purpose in ("app", "pages", "alone"):
        jo = browsers()
        if purpose == "app":
            answer = await jo.for_app()
        elif purpose == "pages":
            await jo.open(await begin(services, SignInRequirements()))
            answer = await jo.open(await choose(jo))
        else:
            answer = await jo.sign_in()
        assert answer.status_code == 303, purpose
        assert answer.headers["location"].startswith("/login?flow="), purpose
        assert await jo.who() is None
        if purpose == "app":
            flow = provider.asked[-1]["state"]
            early = await jo.client.get(f"/auth/oauth/resume?flow={flow}")
            assert early.status_code == 400
        sheet = await jo.follow()
        if purpose == "app":
            assert "https://app.example.com" in jo.last.headers["content-security-policy"]
        form = next(form for form in sheet.forms if form.fields.get("factor") == "totp")
        code = next_code(services, secret)
        jo.last = await jo.client.post(
            form.action, data={**form.fields, "code": code}, headers={"Sec-Fetch-Site": "same-origin"}
        )
        await jo.follow()
        assert (await jo.who())["email"] == email, purpose
        if purpose != "app":
            continue
        back = told(jo.last)
        assert jo.last.headers["location"].startswith(f"{APP}?")
        assert (back["state"], back["iss"]) == ("app-state", ISSUER)
        given = await jo.client.post("/auth/oauth/exchange", json={"code": back["code"], "code_verifier": VERIFIER})
        claims = claims_of(given.json()["access_token"])
        assert (claims["acr"], claims["amr"]) == ("aal2", ["fed", "otp", "mfa"])
        assert (await jo.client.get(f"/auth/oauth/resume?flow={flow}")).status_code == 400


async def test_what_an_app_requires_is_asked_for_though_the_provider_vouches(browsers, provider, services):
    someone(provider)
    jo = browsers()
    await jo.open(await begin(services, SignInRequirements(acr=ACR.AAL2)))
    await jo.open(await choose(jo))
    await jo.follow()
    assert jo.page.heading == "Set up a second factor"
    assert await jo.who() is None


async def test_a_fresh_sign_in_is_asked_of_the_provider_and_checked(browsers, provider, services, app_client):
    someone(provider)
    jo = browsers()
    needed = SignInRequirements(signed_in_after=services.clock.now())
    await jo.open(await begin(services, needed))
    back = await choose(jo)
    assert provider.asked[-1]["prompt"] == "login"
    assert int(provider.asked[-1]["max_age"]) <= 60
    for stale in (LEAVE_OUT, int((services.clock.now() - timedelta(hours=1)).timestamp())):
        provider.id_token_changes = {"auth_time": stale}
        answer = await jo.open(back)
        assert answer.status_code in (400, 403)
        assert await jo.who() is None
        await jo.open(await begin(services, needed))
        back = await choose(jo)
    provider.id_token_changes = {}
    assert (await jo.open(back)).status_code == 303
    assert await jo.who() is not None


async def test_who_has_no_password_proves_it_again_at_their_provider(browsers, provider, services):
    email = someone(provider)
    jo = browsers()
    await jo.sign_in()
    await jo.open(await begin(services, SignInRequirements(signed_in_after=services.clock.now())))
    assert "Sign in with your company account" in jo.page.words
    assert (await jo.who())["email"] == email


async def enrol_totp(browser: Browser, client: httpx2.AsyncClient, services: Services) -> str:
    """Enrol an app for whoever comes by this browser; its first code is spent."""
    code = told(await browser.for_app())["code"]
    given = await browser.client.post("/auth/oauth/exchange", json={"code": code, "code_verifier": VERIFIER})
    headers = bearer(given.json())
    secret: str = (await client.post("/auth/mfa/totp", headers=headers)).json()["secret"]
    code = next_code(services, secret)
    confirmed = await client.post("/auth/mfa/totp/confirm", headers=headers, json={"code": code})
    assert confirmed.status_code == 200, confirmed.text
    return secret


def next_code(services: Services, secret: str) -> str:
    """The code that comes after the last one."""
    services.clock.offset += timedelta(seconds=30)
    return pyotp.TOTP(secret).at(services.clock.now())
