"""What an app may ask for when it sends a browser to `start`, and what comes of everything else."""

from typing import Any

import pytest

from app.audit.event import SYSTEM
from app.wiring import Services
from tests.brokering.conftest import APP, CHALLENGE, ORIGIN, register
from tests.support import Events

pytestmark = pytest.mark.anyio

ELSEWHERE = (
    "//evil.test",
    "https:evil.test",
    "/\\evil.test",
    "https://evil.test/",
    "",
    f"{APP}/",
    f"{APP}?next=//evil.test",
    f"{APP}#",
    APP.upper(),
    APP.replace("app.", "app.example.com@evil."),
    f" {APP}",
    "javascript:alert(1)",
    "https://app.example.com",
    "x" * 5000,
)


@pytest.mark.attack("RPF-11")
async def test_nobody_is_sent_to_an_address_that_is_not_registered(
    browsers, services: Services, app_client, events: Events
):
    await register(services, "https://stranger.example.com/back", trusted=False)
    jo = browsers()
    for address in (*ELSEWHERE, "https://stranger.example.com/back"):
        answer = await jo.open("/auth/oauth/corp/start", return_to=address, code_challenge=CHALLENGE, state="s")
        assert answer.status_code == 400, address
        assert "location" not in answer.headers, address
        assert jo.page.heading == "We can’t begin this sign-in"
        assert "evil" not in answer.text, address
        assert "stranger" not in answer.text, address
    refused = await events.of("user.federated_sign_in_refused")
    assert {(one["details"]["reason"], one["details"]["check"]) for one in refused} == {("asked_wrong", "return_to")}
    assert len(refused) == len(ELSEWHERE) + 1
    async with services.db.transaction() as tx:
        await services.clients.disable(tx, app_client, actor=SYSTEM, origin=ORIGIN)
    answer = await jo.open("/auth/oauth/corp/start", return_to=APP, code_challenge=CHALLENGE)
    assert answer.status_code == 400


async def test_a_start_that_lacks_something_goes_nowhere(browsers, app_client, events: Events):
    jo = browsers()
    wrong = {
        "code_challenge": {"code_challenge": "short"},
        "code_challenge_method": {"code_challenge_method": "plain"},
        "audience": {"audience": "nobodys-api"},
        "state": {"state": "x" * 513},
    }
    for changes in wrong.values():
        asked = {"return_to": APP, "code_challenge": CHALLENGE, **changes}
        answer = await jo.open("/auth/oauth/corp/start", **asked)
        assert (answer.status_code, "location" in answer.headers) == (400, False), changes
    assert (await jo.open("/auth/oauth/corp/start", return_to=APP)).status_code == 400
    assert (await jo.open(f"/auth/oauth/corp/start?return_to={APP}&return_to={APP}")).status_code == 400
    refused = await events.of("user.federated_sign_in_refused")
    assert [one["details"]["check"] for one in refused] == [*wrong, "code_challenge"]
    assert (await jo.open("/auth/oauth/nobody/start")).status_code == 404
    assert (await jo.open("/auth/oauth/nobody/callback", state="x")).status_code == 400


async def test_what_an_app_asks_is_passed_on_and_explained_to_administrators(
    browsers, provider, app_client, services: Services
):
    await browsers().for_app(login_hint="jo@corp.example", code_challenge_method="S256", ui_locales="de")
    asked = provider.asked[-1]
    assert asked["login_hint"] == "jo@corp.example"
    assert asked["ui_locales"] == "de"
    assert asked["code_challenge"] != CHALLENGE
    flow = await services.flows.explain(asked["state"])
    assert (flow.kind, flow.outcome.value, flow.client_id) == ("federation", "granted", app_client)
    names = [check.name for check in flow.checks]
    assert {"return_to", "code_challenge", "audience", "provider", "account"} <= set(names)
    assert all(check.passed for check in flow.checks)
    assert "kept" not in flow.request


class TestMany:
    """More than one address may begin."""

    @pytest.fixture
    def changes(self) -> dict[str, Any]:
        # In development each limit is a hundred times wider.
        return {"limits": {"federated_starts_per_address": 1}}

    async def test_who_begins_without_end_is_told_to_wait_and_leaves_nothing(self, browsers, services: Services):
        jo, begun = browsers(), 0
        while (await jo.open("/auth/oauth/corp/start")).status_code == 303:
            begun += 1
            # One comes back each 0.6 seconds.
            assert begun < 1000
        assert begun >= 100
        assert jo.last.status_code == 429
        assert int(jo.last.headers["retry-after"]) > 0
        row = await services.db.fetchrow("SELECT count(*) AS count FROM flows WHERE kind = 'federation'")
        assert row is not None
        assert row["count"] == begun
