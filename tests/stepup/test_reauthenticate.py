import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from tests.support import ISSUER, PASSWORD, bearer, claims_of, problem, suspend

pytestmark = pytest.mark.anyio


async def again(api, tokens, **body):
    return await api.post("/auth/reauthenticate", json=body or {"password": PASSWORD}, headers=bearer(tokens))


@pytest.mark.parametrize("audience", ["orders-api", None])
async def test_a_password_renews_the_sign_in_for_the_same_audience(api, people, services, events, audience):
    tokens = await people.signed_in(audience=audience)
    services.clock.offset = timedelta(minutes=5)
    answer = await again(api, tokens)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    renewed = answer.json()
    assert sorted(renewed) == ["access_token", "expires_in", "scope", "token_type"]
    before, after = claims_of(tokens["access_token"]), claims_of(renewed["access_token"])
    assert after["aud"] == (audience or ISSUER)
    assert after["auth_time"] - before["auth_time"] >= 299
    for claim in ("sub", "sid", "grant_id", "scope", "client_id", "acr", "amr"):
        assert after[claim] == before[claim]
    (entry,) = await events.of("session.reauthenticated")
    assert entry["details"] == {"sid": after["sid"], "factor": "password", "amr": ["pwd"], "acr": "aal1"}


async def test_the_refresh_token_stays_good_and_carries_the_new_proof_on(api, people, services):
    tokens = await people.signed_in(audience="orders-api")
    services.clock.offset = timedelta(minutes=5)
    renewed = (await again(api, tokens)).json()
    refreshed = (await api.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]})).json()
    expected = claims_of(renewed["access_token"])["auth_time"]
    assert claims_of(refreshed["access_token"])["auth_time"] == expected


async def test_a_narrowed_scope_stays_narrow(api, people):
    tokens = await people.signed_in(audience="orders-api", scope="orders:read")
    assert (await again(api, tokens)).json()["scope"] == "orders:read"


async def test_deleting_the_account_is_possible_after_reauthentication(api, people, services):
    tokens = await people.signed_in()
    services.clock.offset = timedelta(minutes=11)
    tokens = (await api.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]})).json()
    refused = await api.delete("/auth/me", headers=bearer(tokens))
    problem(refused, 401, "insufficient_user_authentication")
    challenge = refused.headers["www-authenticate"]
    assert 'error="insufficient_user_authentication"' in challenge
    assert "max_age=600" in challenge
    renewed = (await again(api, tokens)).json()
    assert (await api.delete("/auth/me", headers=bearer(renewed))).status_code == 204


@pytest.mark.parametrize(
    "body",
    [
        {"password": "wrong"},
        {"factor": "password", "code": "wrong"},
        {"factor": "totp", "code": "123456"},
        {"factor": "recovery_code", "code": "123456"},
        {"factor": "passkey", "assertion": {}},
        {"password": ""},
    ],
)
async def test_whatever_does_not_prove_it_gets_one_answer(api, people, events, body):
    tokens = await people.signed_in()
    refused = problem(await again(api, tokens, **body), 401, "invalid_credentials")
    assert refused["detail"] == "That does not prove who you are"
    (entry,) = await events.of("step_up.refused")
    assert entry["outcome"] == "refused"
    assert claims_of(tokens["access_token"])["sid"] == entry["details"]["sid"]


@pytest.mark.parametrize(
    "body",
    [
        {"factor": "totp"},
        {"code": "123456"},
        {"password": PASSWORD, "code": "1"},
        {"password": PASSWORD, "factor": "totp"},
        {"factor": "passkey", "code": "1", "assertion": {}},
        {"factor": "pigeon", "code": "1"},
    ],
)
async def test_an_unclear_proof_is_refused_before_it_is_weighed(api, people, body):
    tokens = await people.signed_in()
    problem(await again(api, tokens, **body), 422, "validation_failed")


async def test_a_factor_that_is_not_enrolled_cannot_be_begun(api, people):
    headers = bearer(await people.signed_in())
    refused = await api.post("/auth/reauthenticate/begin", json={"factor": "passkey"}, headers=headers)
    problem(refused, 403, "no_usable_factor")
    begun = await api.post("/auth/reauthenticate/begin", json={"factor": "password"}, headers=headers)
    assert begun.json() == {"factor": "password", "options": {}}


async def test_an_ended_session_and_a_suspended_user_cannot_be_renewed(api, people, services):
    tokens = await people.signed_in()
    await suspend(services, claims_of(tokens["access_token"])["sub"])
    problem(await again(api, tokens), 401, "invalid_token")


async def test_a_session_that_an_operator_opened_proves_its_first_factor(api, people, services):
    tokens = await people.signed_in()
    async with services.db.transaction() as tx:
        await tx.execute(text("UPDATE sessions SET amr = '{}', acr = '0'"))
    claims = claims_of((await again(api, tokens)).json()["access_token"])
    assert (claims["amr"], claims["acr"]) == (["pwd"], "aal1")


async def test_what_was_proven_before_is_never_lowered(api, people, services):
    tokens = await people.signed_in()
    async with services.db.transaction() as tx:
        await tx.execute(text("UPDATE sessions SET amr = '{pwd,otp,mfa}', acr = 'aal2'"))
    claims = claims_of((await again(api, tokens)).json()["access_token"])
    assert (claims["amr"], claims["acr"]) == (["pwd", "otp", "mfa"], "aal2")


async def test_a_password_changed_at_the_same_moment_renews_nothing(api, people, services):
    tokens = await people.signed_in()
    sub = claims_of(tokens["access_token"])["sub"]
    new_hash = await services.passwords.hash("another quite long password")
    async with services.db.transaction() as tx:
        user = await services.users.find_by_sub(tx, sub)
        await services.passwords.set(tx, user.id, new_hash)
        tried = asyncio.create_task(again(api, tokens))
        await asyncio.sleep(0)
    answer = await tried
    # Either it came first and is right, or it came after and is refused; never a session renewed by the old one.
    assert answer.status_code in (200, 401)
    problem(await again(api, tokens), 401, "invalid_credentials")
