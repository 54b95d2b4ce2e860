"""Step-up by an authenticator app and by a passkey."""

import pytest

from tests.authenticator import Authenticator
from tests.second_factors.support import Ann
from tests.support import bearer, claims_of

pytestmark = pytest.mark.anyio


@pytest.fixture
async def ann(api, people, services):
    return await Ann(api, people, services).signs_up()


async def test_a_code_of_the_app_renews_the_sign_in_once(ann):
    tokens = await (await ann.enrols_totp()).signs_in()
    ann.wait(300)
    body = {"factor": "totp", "code": ann.code()}
    answer = await ann.api.post("/auth/reauthenticate", json=body, headers=bearer(tokens))
    assert answer.status_code == 200, answer.text
    before, after = claims_of(tokens["access_token"]), claims_of(answer.json()["access_token"])
    assert after["auth_time"] - before["auth_time"] >= 299
    assert (after["sid"], after["acr"]) == (before["sid"], "aal2")
    again = await ann.api.post("/auth/reauthenticate", json=body, headers=bearer(tokens))
    assert again.status_code == 401


async def test_a_passkey_renews_the_sign_in_once(ann):
    key = Authenticator()
    await ann.adds(key)
    ann.wait(300)
    begun = await ann.api.post("/auth/reauthenticate/begin", json={"factor": "passkey"}, headers=bearer(ann.tokens))
    assert begun.status_code == 200, begun.text
    body = {"factor": "passkey", "assertion": key.get(begun.json()["options"]["publicKey"])}
    answer = await ann.api.post("/auth/reauthenticate", json=body, headers=bearer(ann.tokens))
    assert answer.status_code == 200, answer.text
    before, after = claims_of(ann.tokens["access_token"]), claims_of(answer.json()["access_token"])
    assert after["auth_time"] - before["auth_time"] >= 299
    assert (after["sid"], after["acr"]) == (before["sid"], "phr")
    again = await ann.api.post("/auth/reauthenticate", json=body, headers=bearer(ann.tokens))
    assert again.status_code == 401


async def test_a_code_of_the_app_answers_an_action_challenge(ann, step_up):
    tokens = await (await ann.enrols_totp()).signs_in(audience="orders-api")
    challenge = await step_up.challenge(tokens)
    assert challenge["factor"] == "totp"
    body = {"challenge_id": challenge["challenge_id"], "factor": "totp", "code": ann.code()}
    answer = await ann.api.post("/auth/action-tokens/verify", json=body, headers=bearer(tokens))
    assert answer.status_code == 200, answer.text
    consumed = await step_up.consume(await step_up.service(), answer.json()["action_token"])
    assert consumed.json() == {"active": True, "sub": claims_of(tokens["access_token"])["sub"]}


async def test_a_passkey_answers_an_action_challenge(ann, step_up):
    key = Authenticator()
    await ann.adds(key)
    asked = await ann.asked(audience="orders-api")
    answer = await ann.verifies(asked["mfa_token"], "passkey", assertion=key.get(await ann.shown(asked["mfa_token"])))
    tokens = answer.json()
    challenge = await step_up.challenge(tokens)
    assert challenge["factor"] == "passkey"
    body = {
        "challenge_id": challenge["challenge_id"],
        "factor": "passkey",
        "assertion": key.get(challenge["options"]["passkey"]["publicKey"]),
    }
    answer = await ann.api.post("/auth/action-tokens/verify", json=body, headers=bearer(tokens))
    assert answer.status_code == 200, answer.text
    consumed = await step_up.consume(await step_up.service(), answer.json()["action_token"])
    assert consumed.json()["active"] is True
