import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from tests.stepup.conftest import REFUND, hash_of
from tests.support import ISSUER, PASSWORD, bearer, claims_of, problem, suspend

pytestmark = pytest.mark.anyio


async def test_an_answered_challenge_gives_a_token_for_one_act(api, people, step_up, events):
    tokens = await people.signed_in(audience="orders-api")
    challenge = await step_up.challenge(tokens)
    assert (challenge["factor"], challenge["factors"], challenge["options"]) == ("password", ["password"], {})
    assert challenge["expires_in"] == 300
    answer = (await step_up.answer(tokens, challenge["challenge_id"])).json()
    assert answer["expires_in"] == 120
    claims, session = claims_of(answer["action_token"]), claims_of(tokens["access_token"])
    assert claims.pop("exp") - claims.pop("iat") == 120
    assert len(claims.pop("jti")) == 22
    assert claims == {
        "iss": ISSUER,
        "sub": session["sub"],
        "sid": session["sid"],
        "aud": "orders-api",
        "action": REFUND,
    }
    (entry,) = await events.of("action_token.issued")
    assert answer["action_token"] not in str(entry)


async def test_a_token_is_consumed_once(people, step_up, events):
    tokens = await people.signed_in(audience="orders-api")
    token, service = await step_up.token(tokens), await step_up.service()
    first = await step_up.consume(service, token)
    assert first.json() == {"active": True, "sub": claims_of(tokens["access_token"])["sub"]}
    assert first.headers["cache-control"] == "no-store"
    assert (await step_up.consume(service, token)).json() == {"active": False}
    (entry,) = await events.of("action_token.consumed")
    assert entry["actor_id"] == service[0]


async def test_of_many_consumptions_at_once_one_wins(people, step_up, events):
    tokens = await people.signed_in(audience="orders-api")
    token, service = await step_up.token(tokens), await step_up.service()
    answers = await asyncio.gather(*(step_up.consume(service, token) for _ in range(12)))
    assert sorted(answer.json()["active"] for answer in answers) == [False] * 11 + [True]
    assert len(await events.of("action_token.consumed")) == 1


async def test_the_same_consumption_gets_the_same_answer_for_ten_seconds(people, step_up, services, events):
    tokens = await people.signed_in(audience="orders-api")
    token, service = await step_up.token(tokens), await step_up.service()
    answers = await asyncio.gather(*(step_up.consume(service, token, consumption_id="mine-0001") for _ in range(5)))
    assert {answer.json()["active"] for answer in answers} == {True}
    await suspend(services, claims_of(token)["sub"])
    assert (await step_up.consume(service, token, consumption_id="mine-0001")).json()["active"] is True
    other = await step_up.service()
    assert (await step_up.consume(other, token, consumption_id="mine-0001")).json() == {"active": False}
    services.clock.offset = timedelta(seconds=11)
    assert (await step_up.consume(service, token, consumption_id="mine-0001")).json() == {"active": False}
    assert len(await events.of("action_token.consumed")) == 1


async def test_a_token_counts_for_its_audience_action_and_request_alone(people, step_up):
    tokens = await people.signed_in(audience="orders-api")
    wanted = hash_of("POST", "/orders/1/refund?now=1", b"{}")
    token = await step_up.token(tokens, request_hash=wanted)
    orders, billing = await step_up.service(), await step_up.service("billing-api")
    for service, fields in (
        (billing, {"request_hash": wanted}),
        (orders, {"request_hash": wanted, "action": "orders.delete"}),
        (orders, {"request_hash": hash_of("POST", "/orders/2/refund", b"{}")}),
        (orders, {}),
    ):
        assert (await step_up.consume(service, token, **fields)).json() == {"active": False}
    assert (await step_up.consume(orders, token, request_hash=wanted)).json()["active"] is True
    free = await step_up.token(tokens)
    assert (await step_up.consume(orders, free, request_hash=wanted)).json() == {"active": False}


async def test_a_token_counts_no_more_when_it_expired_or_its_session_ended(api, people, step_up, services):
    service = await step_up.service()
    tokens = await people.signed_in(audience="orders-api")
    dead, late = await step_up.token(tokens), await step_up.token(tokens)
    services.clock.offset = timedelta(seconds=151)
    assert (await step_up.consume(service, late)).json() == {"active": False}
    services.clock.offset = timedelta(0)
    assert (await api.post("/auth/logout", headers=bearer(tokens))).status_code == 204
    assert (await step_up.consume(service, dead)).json() == {"active": False}


async def test_what_is_no_action_token_counts_for_nothing(people, step_up):
    service = await step_up.service()
    tokens = await people.signed_in(audience="orders-api")
    token = await step_up.token(tokens)
    flipped = token[:-2] + ("A" if token[-2] != "A" else "B") + token[-1]
    for wrong in (tokens["access_token"], flipped, token[:-1], "", "a.b.c", "ä", tokens["refresh_token"]):
        assert (await step_up.consume(service, wrong)).json() == {"active": False}


@pytest.mark.spec("RFC 8725 §3.11")
async def test_an_action_token_opens_nothing_by_itself(api, people, step_up):
    tokens = await people.signed_in()
    headers = {"Authorization": f"Bearer {await step_up.token(tokens)}"}
    for path in ("/auth/validate", "/auth/me"):
        problem(await api.get(path, headers=headers), 401, "invalid_token")


@pytest.mark.attack("TOK-08")
async def test_only_a_service_with_the_right_credentials_consumes(api, people, step_up):
    tokens = await people.signed_in(audience="orders-api")
    token = await step_up.token(tokens)
    client_id, secret = await step_up.service()
    for wrong in ((client_id, secret + "x"), (client_id, ""), ("c_" + "0" * 22, secret), ("ä", "ö:ü")):
        refused = await step_up.consume(wrong, token)
        assert refused.status_code == 401
        assert refused.json()["code"] == "invalid_client"
        assert refused.headers["www-authenticate"].startswith("Basic ")
    body = {"action_token": token, "action": REFUND, "consumption_id": "12345678"}
    for headers in ({}, bearer(tokens)):
        refused = await api.post("/auth/action-tokens/consume", json=body, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (401, "invalid_client")
    powerless = await step_up.service(scopes=("revocations:read",))
    problem(await step_up.consume(powerless, token), 403, "insufficient_scope")
    assert (await step_up.consume((client_id, secret), token)).json()["active"] is True


async def test_a_challenge_answered_twice_at_once_gives_one_token(people, step_up):
    tokens = await people.signed_in(audience="orders-api")
    challenge = await step_up.challenge(tokens)
    answers = await asyncio.gather(*(step_up.answer(tokens, challenge["challenge_id"]) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400]
    problem(await step_up.answer(tokens, challenge["challenge_id"]), 400, "invalid_challenge")


async def test_a_challenge_can_be_tried_five_times(people, step_up, events):
    tokens = await people.signed_in(audience="orders-api")
    challenge_id = (await step_up.challenge(tokens))["challenge_id"]
    answers = await asyncio.gather(*(step_up.answer(tokens, challenge_id, "wrong") for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [400] * 3 + [401] * 5
    problem(await step_up.answer(tokens, challenge_id), 400, "invalid_challenge")
    refused = await events.of("step_up.refused")
    assert [entry["details"]["action"] for entry in refused] == [REFUND] * 5


async def test_a_challenge_is_for_its_own_session_user_and_audience(people, step_up, api, services):
    tokens = await people.signed_in(audience="orders-api")
    challenge_id = (await step_up.challenge(tokens))["challenge_id"]
    second_session = await people.log_in(audience="orders-api")
    other_user = await people.signed_in("bob@example.com", audience="orders-api")
    refreshed = await api.post(
        "/auth/refresh", json={"refresh_token": tokens["refresh_token"], "audience": "billing-api"}
    )
    for foreign in (second_session, other_user, refreshed.json()):
        problem(await step_up.answer(foreign, challenge_id), 400, "invalid_challenge")
    assert (await step_up.answer(tokens, challenge_id)).status_code == 200


async def test_a_challenge_expires_and_is_removed_by_a_later_one(people, step_up, services):
    tokens = await people.signed_in(audience="orders-api")
    challenge_id = (await step_up.challenge(tokens))["challenge_id"]
    services.clock.offset = timedelta(seconds=301)
    problem(await step_up.answer(tokens, challenge_id), 400, "invalid_challenge")
    await step_up.challenge(tokens)
    async with services.db.transaction() as tx:
        assert await tx.scalar(text("SELECT count(*) FROM action_challenges")) == 1


async def test_a_user_with_nothing_to_prove_by_gets_no_challenge(api, people, services):
    tokens = await people.signed_in(audience="orders-api")
    async with services.db.transaction() as tx:
        await tx.execute(text("DELETE FROM password_credentials"))
    refused = await api.post("/auth/action-tokens", json={"action": REFUND}, headers=bearer(tokens))
    problem(refused, 403, "no_usable_factor")


@pytest.mark.parametrize(
    "body",
    [
        {"action": ""},
        {"action": "Orders.Refund"},
        {"action": "a" * 65},
        {"action": "orders..refund"},
        {"action": REFUND + "\n"},
        {"action": REFUND, "request_hash": "short"},
        {"action": REFUND, "request_hash": "A" * 42 + "B"},
    ],
)
async def test_an_action_or_hash_of_another_form_is_refused(api, people, body):
    headers = bearer(await people.signed_in(audience="orders-api"))
    problem(await api.post("/auth/action-tokens", json=body, headers=headers), 422, "validation_failed")


@pytest.mark.parametrize(
    "body", [{}, {"code": PASSWORD, "assertion": {}}, {"factor": "pigeon", "code": PASSWORD}], ids=str
)
async def test_an_unclear_answer_is_refused(api, people, step_up, body):
    tokens = await people.signed_in(audience="orders-api")
    challenge_id = (await step_up.challenge(tokens))["challenge_id"]
    refused = await api.post(
        "/auth/action-tokens/verify", json={"challenge_id": challenge_id, **body}, headers=bearer(tokens)
    )
    problem(refused, 422, "validation_failed")
    named = {"challenge_id": challenge_id, "factor": "totp", "code": "123456"}
    refused = await api.post("/auth/action-tokens/verify", json=named, headers=bearer(tokens))
    problem(refused, 401, "invalid_credentials")
