"""A session that was stolen is no place to guess a password at, and no client's secret can be guessed."""

import asyncio
import base64
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from app.audit.event import SYSTEM
from app.clients.rules import ClientDefinition
from app.foundation.engines.lock import Engines
from app.settings import Settings
from app.wiring import Services, build
from tests.limits.conftest import From, log_in, narrow
from tests.limits.test_lockout import ORIGIN
from tests.support import PASSWORD, Events, People, bearer, problem

pytestmark = pytest.mark.anyio


async def again(client: httpx2.AsyncClient, tokens: dict[str, Any], password: str = "wrong") -> httpx2.Response:
    return await client.post("/auth/reauthenticate", json={"password": password}, headers=bearer(tokens))


async def challenge(client: httpx2.AsyncClient, tokens: dict[str, Any]) -> httpx2.Response:
    return await client.post("/auth/action-tokens", json={"action": "orders.refund"}, headers=bearer(tokens))


async def answer(client: httpx2.AsyncClient, tokens: dict[str, Any], challenge_id: str) -> httpx2.Response:
    body = {"challenge_id": challenge_id, "code": "wrong"}
    return await client.post("/auth/action-tokens/verify", json=body, headers=bearer(tokens))


@pytest.mark.attack("PWD-02")
async def test_step_up_and_sign_in_share_the_limit_of_the_account(services: Services, sender: From) -> None:
    ann, thief = sender(services), sender(services, "203.0.113.9")
    tokens = await People(ann).signed_in()
    statuses = [(await again(thief, tokens)).status_code for _ in range(2)]
    asked = (await challenge(thief, tokens)).json()["challenge_id"]
    statuses += [(await answer(thief, tokens, asked)).status_code for _ in range(2)]
    statuses.append((await log_in(thief)).status_code)
    assert statuses == [401] * 5
    for refused in (await again(thief, tokens), await answer(thief, tokens, asked), await log_in(thief)):
        problem(refused, 429, "too_many_attempts")
        assert int(refused.headers["retry-after"]) >= 1
    problem(await again(thief, tokens, PASSWORD), 429, "too_many_attempts")
    # The owner, elsewhere, is not kept from it.
    assert (await again(ann, tokens, PASSWORD)).status_code == 200


class TestLockout:
    @pytest.fixture
    def settings(self, database_url: str, engines: Engines) -> Settings:
        limits = {"login_failures": 4, "login_per_account": 1000, "login_per_address": 1000}
        return narrow(database_url, engines, limits=limits)

    async def test_wrong_passwords_at_step_up_lock_the_account(
        self, services: Services, sender: From, events: Events
    ) -> None:
        ann = sender(services)
        tokens = await People(ann).signed_in()
        asked = (await challenge(ann, tokens)).json()["challenge_id"]
        await asyncio.gather(again(ann, tokens), again(ann, tokens), answer(ann, tokens, asked))
        assert (await log_in(ann)).status_code == 401
        assert len(await events.of("account.locked")) == 1
        problem(await log_in(ann, password=PASSWORD), 401, "invalid_credentials")
        # Proving oneself again at a device that is signed in opens it, as signing in there does.
        assert (await again(ann, tokens, PASSWORD)).status_code == 200
        assert (await log_in(ann, password=PASSWORD)).status_code == 200

    async def test_an_answer_by_a_factor_that_was_not_asked_for_locks_nothing(
        self, services: Services, sender: From, events: Events
    ) -> None:
        ann = sender(services)
        tokens = await People(ann).signed_in()
        body = {"factor": "totp", "code": "123456"}
        for _ in range(5):
            refused = await ann.post("/auth/reauthenticate", json=body, headers=bearer(tokens))
            assert refused.status_code == 401
        assert await events.of("account.locked") == []


async def test_challenges_and_codes_of_one_user_are_limited(engines: Engines, database_url: str, sender: From) -> None:
    services = build(narrow(database_url, engines, limits={"step_up_per_user": 3}))
    await services.open()
    try:
        ann = sender(services)
        tokens = await People(ann).signed_in()
        assert [(await challenge(ann, tokens)).status_code for _ in range(2)] == [202] * 2
        body = {"factor": "totp", "code": "123456"}
        assert (await ann.post("/auth/reauthenticate", json=body, headers=bearer(tokens))).status_code == 401
        problem(await ann.post("/auth/reauthenticate", json=body, headers=bearer(tokens)), 429, "too_many_attempts")
        refused = await challenge(ann, tokens)
        problem(refused, 429, "too_many_attempts")
        assert refused.headers["ratelimit"].startswith('"step-up";r=0;t=')
        assert refused.headers["ratelimit-policy"] == '"step-up";q=3;w=60'
    finally:
        await services.close()


async def test_an_address_may_try_so_many_passkeys(engines: Engines, database_url: str, sender: From) -> None:
    services = build(narrow(database_url, engines, limits={"login_per_address": 2}))
    await services.open()
    try:
        body = {"assertion": {"id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": {}}}
        answers = [await sender(services).post("/auth/passkeys/verify", json=body) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [401, 401, 429]
    finally:
        await services.close()


class TestClients:
    @pytest.fixture
    async def client(self, services: Services) -> tuple[str, str]:
        definition = ClientDefinition(name="service", audience="orders-api", scopes=("introspection",))
        async with services.db.transaction() as tx:
            made = await services.clients.create(tx, definition, actor=SYSTEM, origin=ORIGIN)
        return made.client_id, made.raw_secret

    async def consume(self, sender: httpx2.AsyncClient, client: tuple[str, str]) -> httpx2.Response:
        body = {"action_token": "none", "action": "orders.refund", "consumption_id": uuid4().hex}
        return await sender.post("/auth/action-tokens/consume", json=body, auth=client)

    @pytest.mark.spec("RFC 6749 §2.3.1")
    async def test_a_client_may_fail_twenty_times_a_minute_from_one_address(
        self, services: Services, sender: From, client: tuple[str, str]
    ) -> None:
        guesser, elsewhere = sender(services, "203.0.113.9"), sender(services, "203.0.113.10")
        wrong = (client[0], "wrong")
        answers = await asyncio.gather(*(self.consume(guesser, wrong) for _ in range(30)))
        failed = [answer for answer in answers if answer.status_code == 401]
        assert 20 <= len(failed) < 30
        for refused in (answer for answer in answers if answer.status_code != 401):
            problem(refused, 429, "too_many_attempts")
            assert int(refused.headers["retry-after"]) >= 1
            assert refused.headers["ratelimit-policy"] == '"client-auth";q=20;w=60'
        # A right guess now says no more than a wrong one, and from elsewhere the client goes on.
        assert (await self.consume(guesser, client)).status_code == 429
        assert (await self.consume(elsewhere, client)).status_code == 200
        assert (await self.consume(elsewhere, (client[0][:-1] + "x", "wrong"))).status_code == 401

    async def test_a_guesser_gets_no_more_by_asking_several_processes(
        self, engines: Engines, database_url: str, sender: From, client: tuple[str, str]
    ) -> None:
        three = [build(narrow(database_url, engines, limits={"client_failures": 3})) for _ in range(3)]
        try:
            for services in three:
                await services.open()
            doors = [sender(services, "203.0.113.9") for services in three]
            answers = [await self.consume(doors[number % 3], (client[0], "wrong")) for number in range(9)]
            assert [answer.status_code for answer in answers] == [401] * 3 + [429] * 6
            # None of them looks at a secret any more, a right one too.
            assert [(await self.consume(door, client)).status_code for door in doors] == [429] * 3
        finally:
            for services in three:
                await services.close()

    async def test_what_names_no_client_is_no_attempt_and_right_secrets_have_no_limit(
        self, services: Services, sender: From, client: tuple[str, str]
    ) -> None:
        door = sender(services, "203.0.113.9")
        for header in ("Basic !", "Basic " + base64.b64encode(b"no colon").decode(), "Bearer none"):
            for _ in range(8):
                answer = await door.post(
                    "/auth/action-tokens/consume",
                    json={"action_token": "none", "action": "orders.refund", "consumption_id": uuid4().hex},
                    headers={"Authorization": header},
                )
                assert answer.status_code == 401
        answers = await asyncio.gather(*(self.consume(door, client) for _ in range(30)))
        assert {answer.status_code for answer in answers} == {200}
        assert "ratelimit" not in answers[-1].headers
