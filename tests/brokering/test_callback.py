"""The callback: one answer, once, in the browser that began, from the provider that was asked."""

import asyncio
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from app.wiring import Services
from tests.brokering.conftest import APP, Browser, someone
from tests.federation.oidc.provider import Provider, answering
from tests.support import Events

pytestmark = pytest.mark.anyio


@pytest.fixture
def policies():
    return {"corp": {}, "other": {}}


async def nobody(*browsers: Browser) -> bool:
    return [await browser.who() for browser in browsers] == [None] * len(browsers)


def changed(back: str, **changes: str | None) -> str:
    parts = urlsplit(back)
    fields = {**dict(parse_qsl(parts.query)), **changes}
    return f"{parts.path}?{urlencode({name: value for name, value in fields.items() if value is not None})}"


@pytest.mark.attack("RPF-04")
async def test_a_callback_without_the_state_of_this_browser_signs_nobody_in(
    browsers, provider: Provider, services: Services
):
    jo, thief = browsers(), browsers()
    someone(provider)
    back = await jo.start()
    await thief.start()
    for forged in (changed(back, state=None), changed(back, state="x" * 22), changed(back, state="")):
        answer = await jo.open(forged)
        assert answer.status_code == 400
        assert jo.page.heading == "This sign-in is over"
    # Swapped between two browsers, either way.
    assert (await thief.open(back)).status_code == 400
    assert await nobody(jo, thief)
    twice = f"{back}&state={dict(parse_qsl(urlsplit(back).query))['state']}"
    assert (await jo.open(twice)).status_code == 400
    # The very answer in the very browser still counts; then never again.
    assert (await jo.open(back)).status_code == 303
    who = await jo.who()
    await jo.client.post("/auth/logout", headers=await own(jo))
    assert (await jo.open(back)).status_code == 400
    assert who is not None
    assert await nobody(jo, thief)


@pytest.mark.attack("RPF-04")
async def test_the_same_callback_twice_at_once_opens_one_session(browsers, provider, services: Services, events):
    someone(provider)
    jo = browsers()
    back = await jo.start()
    answers = await asyncio.gather(*(jo.client.get(back) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [303, 400, 400, 400, 400]
    assert len(await events.of("session.created")) == 1
    assert len(await events.of("user.created")) == 1


@pytest.mark.attack("RPF-05")
async def test_an_answer_at_another_providers_address_is_refused(browsers, provider, events: Events):
    someone(provider)
    jo = browsers()
    back = await jo.start("corp")
    answer = await jo.open(back.replace("/corp/", "/other/"))
    assert answer.status_code == 400
    assert jo.page.heading == "We could not trust the answer of Corp"
    # Its flow is over: the answer is not tried at the right address either.
    assert (await jo.open(back)).status_code == 400
    assert await nobody(jo)
    provider.callback_changes = {"iss": "https://evil.test"}
    answer = await jo.sign_in("corp")
    assert answer.status_code == 400
    assert await nobody(jo)
    refused = await events.of("user.federated_sign_in_refused")
    assert [(one["details"]["reason"], one["details"]["provider"]) for one in refused] == [("forged", "corp")] * 2
    assert refused[0]["details"]["check"] == "provider"


async def test_a_repeated_parameter_is_refused(browsers, provider):
    someone(provider)
    jo = browsers()
    back = await jo.start()
    assert (await jo.open(f"{back}&code=another")).status_code == 400
    assert await nobody(jo)


async def test_whoever_stops_at_the_provider_is_told_here_or_at_the_app(browsers, provider, app_client):
    jo = browsers()
    back = await jo.start()
    answer = await jo.open(changed(back, code=None, error="access_denied"))
    assert answer.status_code == 400
    assert jo.page.heading == "You did not sign in"
    back = await jo.start(return_to=APP, code_challenge="A" * 43, state="mine")
    answer = await jo.open(changed(back, code=None, error="access_denied"))
    assert answer.status_code == 303
    told = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
    assert answer.headers["location"].startswith(f"{APP}?")
    assert (told["error"], told["state"], told["iss"]) == ("access_denied", "mine", "http://localhost:8000")


async def test_a_providers_failure_is_a_page_with_a_reference_and_a_way_on(
    browsers, provider, app_client, services: Services, events
):
    someone(provider)
    jo = browsers()
    provider.answers["/token"] = answering(500)
    asked = {"return_to": APP, "code_challenge": "A" * 43, "state": "mine"}
    answer = await jo.open(await jo.start(**asked))
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert jo.page.heading == "Corp does not answer"
    assert answer.headers["x-trace-id"] in jo.page.words
    assert "/login" in jo.page.links
    # The same in another language: nothing is tried again, and the way on is the same.
    german = next(link for link in jo.page.links if link.startswith("/failed?") and "ui_locales=de" in link)
    reference, links = answer.headers["x-trace-id"], set(jo.page.links)
    assert (await jo.open(german)).status_code == 200
    assert jo.page.heading == "Corp antwortet nicht"
    assert reference in jo.page.words
    assert {link for link in links if link == "/login" or link.startswith(APP)} <= set(jo.page.links)
    await jo.open(f"/failed{next(link for link in jo.page.links if 'ui_locales=en' in link)}")
    assert jo.page.heading == "Corp does not answer"
    assert any(link.startswith(f"{APP}?error=server_error") and "state=mine" in link for link in jo.page.links)
    assert answer.headers["cache-control"] == "no-store"
    refused = (await events.of("user.federated_sign_in_refused"))[-1]
    flow = await services.flows.explain(str(refused["details"]["flow_id"]))
    assert flow.error == "unreachable"
    assert any(not check.passed and check.received for check in flow.checks)
    assert flow.trace_id == answer.headers["x-trace-id"] or flow.trace_id


class TestWithOnePlace:
    """One browser at a time may come back from a provider."""

    @pytest.fixture
    def changes(self):
        return {"federation": {"concurrency": 1}}

    async def test_whom_too_many_came_with_tries_again_at_the_same_address_and_loses_nothing(
        self, browsers, provider, app_client, events
    ):
        someone(provider)
        jo, ann = browsers(), browsers()
        asked, release = asyncio.Event(), asyncio.Event()

        async def waits(request):
            asked.set()
            await release.wait()
            return await provider._token(request)

        provider.answers["/token"] = waits
        backs = [await jo.start(), await ann.start(return_to=APP, code_challenge="A" * 43)]
        first = asyncio.create_task(jo.open(backs[0]))
        await asked.wait()
        told = await ann.open(backs[1])
        assert (told.status_code, told.headers["retry-after"]) == (503, "5")
        assert ann.page.heading == "Many people are signing in at this moment"
        # A link to the page itself: nothing of the address is written into it.
        assert "" in ann.page.links
        assert "state=" not in told.text
        release.set()
        assert (await first).status_code == 303
        # Nothing was taken up, so nothing is on record; and the very same answer counts now.
        assert await events.of("user.federated_sign_in_refused") == []
        assert (await ann.open(backs[1])).headers["location"].startswith(f"{APP}?code=")


async def own(browser: Browser) -> dict[str, str]:
    token = (await browser.client.get("/auth/csrf")).json()["csrf_token"]
    return {"X-CSRF-Token": token, "Origin": "http://localhost:8000"}
