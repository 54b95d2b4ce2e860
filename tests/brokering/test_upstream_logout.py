"""A session at the provider is over: so are ours that rest on it, with every token below them."""

from datetime import timedelta
from typing import Any

import pytest

from app.foundation.origin import Origin
from app.wiring import Services
from tests.brokering.conftest import VERIFIER, someone, told
from tests.federation.oidc.provider import LEAVE_OUT, answering
from tests.support import Events, bearer, problem

pytestmark = pytest.mark.anyio

PATH = "/auth/oauth/corp/backchannel-logout"


@pytest.fixture
def policies() -> dict[str, dict[str, Any]]:
    return {"corp": {}, "other": {}}


async def test_a_logout_there_ends_the_browsers_session_the_apps_and_their_tokens(
    browsers, provider, app_client, services: Services, events: Events
):
    someone(provider)
    jo, elsewhere, by_other = browsers(), browsers(), browsers()
    code = told(await jo.for_app(audience="orders-api"))["code"]
    given = await jo.client.post("/auth/oauth/exchange", json={"code": code, "code_verifier": VERIFIER})
    tokens, alone = given.json(), browsers().client
    await by_other.sign_in("other")
    there = provider.person["sid"]
    provider.person["sid"] = "another-session"
    await elsewhere.sign_in()
    provider.person["sid"] = there
    answer = await jo.client.post(PATH, data={"logout_token": provider.logout_token()})
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert await jo.who() is None
    problem(await alone.get("/auth/validate", headers=bearer(tokens)), 401, "invalid_token")
    refresh = await alone.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert refresh.status_code == 401
    # Another session there, and the word of another provider, are other matters.
    assert await elsewhere.who() is not None
    assert await by_other.who() is not None
    revoked = await events.of("session.revoked")
    assert [one["details"]["reason"] for one in revoked] == ["upstream_logout"] * 2
    # Without a session's name all of the person's.
    answer = await jo.client.post(PATH, data={"logout_token": provider.logout_token(sid=LEAVE_OUT)})
    assert answer.status_code == 200
    assert await elsewhere.who() is None


async def test_a_replayed_logout_ends_no_later_session(browsers, provider, services: Services):
    someone(provider)
    jo = browsers()
    await jo.sign_in()
    token = provider.logout_token(sid=LEAVE_OUT)
    assert (await jo.client.post(PATH, data={"logout_token": token})).status_code == 200
    assert await jo.who() is None
    services.clock.offset += timedelta(seconds=10)
    await jo.sign_in()
    await jo.client.post(PATH, data={"logout_token": token})
    assert await jo.who() is not None


class TestWhereManyAreSent:
    """Anybody may send a logout token, and needs nothing for it."""

    @pytest.fixture
    def changes(self) -> dict[str, Any]:
        return {"limits": {"refused_authorizations": 1}, "federation": {"failures": 2}}

    async def test_those_that_do_not_count_leave_only_so_many_entries_behind(
        self, browsers, services: Services, events
    ):
        here, anybody = Origin(ip="127.0.0.1", user_agent=None, trace_id="0" * 32), browsers()
        # What is left grows again with time, and on a busy machine more than a moment passes in between.
        for _ in range(100):
            while await services.limits.refused_authorization("corp", here):
                pass
            before = len(await events.of("upstream_logout.refused"))
            problem(await anybody.client.post(PATH, data={"logout_token": "x"}), 400, "invalid_logout_token")
            if len(await events.of("upstream_logout.refused")) == before:
                return
        pytest.fail("every one of a hundred left an entry")

    @pytest.mark.fault("F17")
    async def test_they_do_not_speak_for_a_provider_that_is_down(self, browsers, provider):
        someone(provider)
        jo = browsers()
        await jo.sign_in()
        provider.answers["/token"] = answering(503)
        assert (await jo.sign_in()).status_code == 503
        problem(await jo.client.post(PATH, data={"logout_token": "x"}), 400, "invalid_logout_token")
        assert (await jo.sign_in()).status_code == 503
        # It is left alone now, whoever said anything in its name meanwhile.
        provider.requests.clear()
        assert (await jo.open("/auth/oauth/corp/start")).status_code == 503
        assert provider.requests == []


async def test_what_is_no_logout_token_of_that_provider_ends_nothing(browsers, provider, events: Events):
    someone(provider)
    jo = browsers()
    await jo.sign_in()
    for token in (
        "",
        "no.token.at-all",
        provider.logout_token(aud="somebody-else"),
        provider.logout_token(iss="https://evil.test"),
        provider.logout_token(nonce="n"),
        provider.logout_token(events=LEAVE_OUT),
        provider.logout_token(sid=LEAVE_OUT, sub=LEAVE_OUT),
    ):
        answer = await jo.client.post(PATH, data={"logout_token": token})
        problem(answer, 400, "invalid_logout_token")
    assert await jo.who() is not None
    assert len(await events.of("upstream_logout.refused")) == 7
    unknown = await jo.client.post("/auth/oauth/nobody/backchannel-logout", data={"logout_token": "x"})
    assert unknown.status_code == 404
