"""Linking an identity from the account, by its owner alone, and unlinking it again."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from app.wiring import Services
from tests.brokering.conftest import Browser, own, someone
from tests.support import ISSUER, PASSWORD, Events, problem

pytestmark = pytest.mark.anyio

PAGE = "/account/identities"


@pytest.fixture
def policies() -> dict[str, dict[str, Any]]:
    return {"corp": {}, "other": {}}


async def signed_in(browser: Browser, email: str) -> str:
    """Sign up and in with a password, by the browser's cookies."""
    await browser.client.post("/auth/signup", json={"email": email, "password": PASSWORD})
    body = {"email": email, "password": PASSWORD}
    answer = await browser.client.post("/auth/login?transport=cookie", json=body, headers={"Origin": ISSUER})
    assert answer.status_code == 200, answer.text
    return str((await browser.who())["sub"])


async def go(browser: Browser, connection: str = "corp") -> str:
    """Press "Link" and return where the provider sends the browser back to."""
    await browser.open(PAGE)
    await browser.submit(provider=connection)
    assert browser.last.status_code == 200, browser.last.text
    return await browser.at_provider(browser.last.headers["refresh"].partition("url=")[2])


async def confirm(browser: Browser, decision: str = "link") -> httpx2.Response:
    form = next(form for form in browser.page.forms if "flow" in form.fields)
    fields = {**form.fields, "decision": decision}
    browser.last = await browser.client.post(form.action, data=fields, headers={"Sec-Fetch-Site": "same-origin"})
    return browser.last


async def identities(browser: Browser) -> list[dict[str, Any]]:
    return (await browser.client.get("/auth/me/identities")).json()["items"]


async def test_an_owner_links_a_provider_and_signs_in_by_it(browsers, provider, events: Events):
    email = someone(provider)
    jo = browsers()
    sub = await signed_in(jo, "jo@example.com")
    await jo.open(await go(jo))
    assert jo.last.headers["location"].startswith("/account/identities/confirm?flow=")
    await jo.follow()
    assert jo.page.heading == "Link Corp?"
    assert email in jo.page.words
    assert "jo@example.com" in jo.page.words
    assert await identities(jo) == []
    assert (await confirm(jo, "no")).headers["location"] == PAGE
    assert await identities(jo) == []
    await jo.open(await go(jo))
    await jo.follow()
    await confirm(jo)
    [identity] = await identities(jo)
    assert (identity["provider"], identity["email"], identity["issuer"]) == ("corp", email, provider.issuer)
    [exported] = (await jo.client.get("/auth/me/export")).json()["linked_identities"]
    assert (exported["provider"], exported["email"], exported["issuer"]) == ("corp", email, provider.issuer)
    await jo.follow()
    assert email in jo.page.words
    assert [one["details"]["how"] for one in await events.of("identity.linked")] == ["account"]
    again = browsers()
    await again.sign_in()
    assert (await again.who())["sub"] == sub


@pytest.mark.attack("RPF-08")
async def test_a_victim_who_is_led_anywhere_links_nothing(browsers, provider, services: Services, events: Events):
    someone(provider)
    victim, mallory = browsers(), browsers()
    await signed_in(victim, "victim@example.com")
    await signed_in(mallory, "mallory@example.com")
    # What Mallory's provider sends back for Mallory's link, opened by the victim.
    back = await go(mallory)
    assert (await victim.open(back)).status_code == 400
    # The page that asks, too.
    await mallory.open(back)
    asks = mallory.last.headers["location"]
    assert (await victim.open(asks)).status_code == 400
    await mallory.follow()
    # Nothing that is done by opening an address.
    for path in (f"{PAGE}/link?provider=corp", f"{PAGE}/unlink", "/auth/oauth/corp/start?link=1"):
        await victim.open(path)
    # Forms of another site, and of another session.
    form = next(form for form in mallory.page.forms if "flow" in form.fields)
    for headers, fields in (
        ({"Sec-Fetch-Site": "cross-site"}, form.fields),
        ({"Sec-Fetch-Site": "same-origin"}, form.fields),
        ({}, {"provider": "corp"}),
    ):
        action = form.action if "flow" in fields else f"{PAGE}/link"
        answer = await victim.client.post(action, data={**fields, "decision": "link"}, headers=headers)
        assert answer.status_code in (400, 403), headers
    assert await identities(victim) == []
    # Their own, but their sign-in is some time ago: they prove it again first.
    services.clock.offset += timedelta(minutes=11)
    await victim.open(PAGE)
    await victim.submit(provider="corp")
    assert victim.last.headers["location"].startswith("/login?flow=")
    assert (await mallory.open(asks)).headers["location"].startswith("/login?flow=")
    assert await events.of("identity.linked") == []


async def test_the_owner_who_signs_in_afresh_goes_on_where_they_were(browsers, provider, services):
    someone(provider)
    jo = browsers()
    await signed_in(jo, "jo@example.com")
    await jo.open(await go(jo))
    asks = jo.last.headers["location"]
    services.clock.offset += timedelta(minutes=11)
    await jo.open(asks)
    await jo.follow()
    assert jo.page.heading == "Confirm that it is you"
    form = next(form for form in jo.page.forms if form.fields.get("step") == "again")
    jo.last = await jo.client.post(
        form.action, data={**form.fields, "password": PASSWORD}, headers={"Sec-Fetch-Site": "same-origin"}
    )
    await jo.follow()
    assert jo.page.heading == "Link Corp?"
    await confirm(jo)
    assert len(await identities(jo)) == 1


async def test_an_identity_belongs_to_one_account_whoever_links_it_at_once(browsers, provider, events: Events):
    someone(provider)
    both = [browsers(), browsers()]
    for number, browser in enumerate(both):
        await signed_in(browser, f"jo{number}@example.com")
        await browser.open(await go(browser))
        await browser.follow()
    answers = await asyncio.gather(*(confirm(browser) for browser in both))
    assert sorted(answer.status_code for answer in answers) == [303, 403]
    loser = both[0] if answers[0].status_code == 403 else both[1]
    assert loser.page.heading == "This account of Corp is linked already"
    assert len(await events.of("identity.linked")) == 1


async def test_two_identities_that_one_account_links_at_once_are_both_its_own(browsers, provider, services):
    jo = browsers()
    await signed_in(jo, "jo@example.com")
    asks = []
    for _ in range(2):
        someone(provider)
        await jo.open(await go(jo))
        asks.append(jo.last.headers["location"])
    pages = []
    for place in asks:
        await jo.open(place)
        pages.append(next(form for form in jo.page.forms if "flow" in form.fields))
    headers = {"Sec-Fetch-Site": "same-origin"}
    answers = await asyncio.gather(
        *(jo.client.post(form.action, data={**form.fields, "decision": "link"}, headers=headers) for form in pages)
    )
    assert [answer.status_code for answer in answers] == [303, 303]
    assert len(await identities(jo)) == 2
    # The same answer twice counts once.
    again = await jo.client.post(
        pages[0].action, data={**pages[0].fields, "decision": "link"}, headers={"Sec-Fetch-Site": "same-origin"}
    )
    assert again.status_code == 400


async def test_the_last_way_in_is_not_unlinked_and_another_is(browsers, provider, services: Services, events: Events):
    someone(provider)
    jo = browsers()
    await jo.sign_in()
    [only] = await identities(jo)
    headers = await own(jo)
    problem(await jo.client.delete(f"/auth/me/identities/{only['id']}", headers=headers), 409, "last_way_in")
    await jo.open(PAGE)
    await jo.submit(identity=only["id"])
    assert jo.last.status_code == 409
    assert "your last way to sign in" in jo.page.words
    someone(provider)
    await jo.open(await go(jo, "other"))
    await jo.follow()
    await confirm(jo)
    two = await identities(jo)
    assert len(two) == 2
    elsewhere = browsers()
    await elsewhere.sign_in()
    # Of both at once one stays.
    answers = await asyncio.gather(
        *(jo.client.delete(f"/auth/me/identities/{one['id']}", headers=headers) for one in two)
    )
    assert sorted(answer.status_code for answer in answers) == [204, 409]
    assert len(await identities(jo)) == 1
    # Every other session has ended, and nobody else's identity is theirs to take.
    assert await elsewhere.who() is None
    ann = browsers()
    await signed_in(ann, "ann@example.com")
    [left] = await identities(jo)
    answer = await ann.client.delete(f"/auth/me/identities/{left['id']}", headers=await own(ann))
    problem(answer, 404, "identity_not_found")
    services.clock.offset += timedelta(minutes=11)
    answer = await jo.client.delete(f"/auth/me/identities/{left['id']}", headers=headers)
    problem(answer, 401, "insufficient_user_authentication")
    assert len(await events.of("identity.unlinked")) == 1


async def test_nobody_who_is_not_signed_in_sees_the_page(browsers):
    jo = browsers()
    assert (await jo.open(PAGE)).headers["location"].startswith("/login?flow=")
    assert (await jo.client.post(f"{PAGE}/link", data={"provider": "corp"})).status_code == 403
    assert (await jo.open(f"{PAGE}/confirm", flow="x" * 22)).status_code == 400
    problem(await jo.client.get("/auth/me/identities"), 401, "missing_token")
