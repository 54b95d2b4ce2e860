"""F17: a provider hangs, drips, resets, fails or has no TLS. Its own sign-ins fail in words, and nothing else does."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from app.settings import Settings
from app.wiring import Services
from tests.brokering.broken import FAULTS, Broken
from tests.brokering.conftest import member, someone
from tests.conftest import settings_for
from tests.support import PASSWORD, Events

pytestmark = [pytest.mark.anyio, pytest.mark.fault("F17")]

ANSWER_SECONDS = 0.5


@pytest.fixture
async def broken() -> AsyncIterator[dict[str, Broken]]:
    async with AsyncExitStack() as stack:
        yield {name: await stack.enter_async_context(Broken().serving(fault)) for name, fault in FAULTS.items()}


@pytest.fixture
def settings(database_url, engines, provider, broken) -> Settings:
    declared: list[dict[str, Any]] = [member(provider, "corp")]
    for name, server in broken.items():
        scheme = "https" if name == "tls" else "http"
        issuer = f"{scheme}://localhost:{server.port}"
        declared.append({"id": name, "name": name, "config": {"issuer": issuer, "client_id": "rp"}, "secret": "s"})
    return settings_for(
        database_url,
        engines,
        identity_providers={"declared": declared},
        http={"allow_private": ["localhost"]},
        federation={"answer_seconds": ANSWER_SECONDS},
    )


async def test_a_broken_provider_costs_its_own_people_a_moment_and_nobody_else_anything(
    browsers, provider, broken: dict[str, Broken], services: Services, events: Events
):
    someone(provider)
    jo = browsers()
    await jo.client.post("/auth/signup", json={"email": "rue@example.com", "password": PASSWORD})
    for name, server in broken.items():
        slowest = 0.0
        for _ in range(5):
            begun = time.monotonic()
            answered = await jo.open(f"/auth/oauth/{name}/start")
            slowest = max(slowest, time.monotonic() - begun)
            assert answered.status_code in (502, 503), (name, answered.text)
            assert "location" not in answered.headers
            assert name in jo.page.heading
        # Generous, for a machine that is busy: what is bounded is the wait for the provider.
        assert slowest < 5 + ANSWER_SECONDS, name
        came = server.came
        answered = await jo.open(f"/auth/oauth/{name}/start")
        assert (answered.status_code, server.came) == (503, came), name
        assert jo.page.heading == f"{name} does not answer"
    # The neighbours.
    assert (await jo.sign_in("corp")).status_code == 303
    body = {"email": "rue@example.com", "password": PASSWORD}
    assert (await jo.client.post("/auth/login", json=body)).status_code == 200
    ready = await jo.client.get("/health/ready")
    assert ready.status_code == 200
    refused = await events.of("user.federated_sign_in_refused")
    assert len(refused) == 6 * len(FAULTS)
    assert {one["details"]["reason"] for one in refused} <= {"unreachable", "broken"}


async def test_a_provider_that_breaks_while_its_people_are_away_is_told_of_when_they_come_back(browsers, provider):
    someone(provider)
    jo = browsers()
    back = await jo.start("corp")
    provider.answers["/token"] = provider.hanging
    answered = await jo.open(back)
    assert answered.status_code == 503
    assert jo.page.heading == "Corp does not answer"
    assert await jo.who() is None
    provider.answers.clear()
    assert (await jo.sign_in("corp")).status_code == 303
