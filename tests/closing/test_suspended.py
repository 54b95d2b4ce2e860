"""A suspended user is refused on every path, alike, and comes back only by an operator."""

import pytest

from app.audit.event import Actor, ActorKind
from app.foundation.origin import Origin
from app.protocols.assurance import ACR
from tests.support import PASSWORD, bearer, claims_of, problem, suspend

CREDENTIALS = {"email": "ann@example.com", "password": PASSWORD}
OPERATOR = {
    "actor": Actor(ActorKind.OPERATOR, "root"),
    "origin": Origin(ip=None, user_agent=None, trace_id="0" * 32),
}


@pytest.fixture
async def suspended(api, people, services):
    """A suspended user's tokens, and those of another audience, as they were before."""
    tokens = await people.signed_in()
    elsewhere = await people.log_in(audience="orders-api")
    sub = (await api.get("/auth/me", headers=bearer(tokens))).json()["sub"]
    await suspend(services, sub)
    return {"sub": sub, "own": tokens, "elsewhere": elsewhere}


@pytest.fixture(scope="module")
async def steadily_suspended(steady_services, steady_tokens):
    """The tokens of somebody who stays suspended."""
    await suspend(steady_services, claims_of(steady_tokens["access_token"])["sub"])
    return steady_tokens


@pytest.mark.attack("PWD-01")
@pytest.mark.parametrize("password", [PASSWORD, "not the password"])
async def test_a_suspended_user_is_refused_like_an_unknown_one(api, suspended, password):
    refused = await api.post("/auth/login", json={**CREDENTIALS, "password": password})
    unknown = await api.post("/auth/login", json={"email": "nobody@example.com", "password": password})
    problem(refused, 401, "invalid_credentials")
    bodies = [{**answer.json(), "trace_id": None} for answer in (refused, unknown)]
    assert bodies[0] == bodies[1]
    assert set(refused.headers) == set(unknown.headers)


@pytest.mark.attack("SES-06")
async def test_suspending_ends_sessions_and_refresh_tokens_at_every_audience(api, suspended):
    for tokens in (suspended["own"], suspended["elsewhere"]):
        problem(await api.get("/auth/validate", headers=bearer(tokens)), 401, "invalid_token")
        refused = await api.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
        problem(refused, 401, "invalid_refresh_token")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/auth/me", None),
        ("PATCH", "/auth/me", {"name": "Ann"}),
        ("DELETE", "/auth/me", None),
        ("GET", "/auth/me/export", None),
        ("GET", "/auth/me/sign-ins", None),
        ("GET", "/auth/sessions", None),
        ("POST", "/auth/logout", {"everywhere": True}),
        ("POST", "/auth/reauthenticate", {"password": PASSWORD}),
        ("POST", "/auth/action-tokens", {"action": "orders.refund"}),
        ("GET", "/auth/mfa/totp", None),
        ("POST", "/auth/mfa/totp", None),
        ("POST", "/auth/mfa/passkeys", None),
        ("GET", "/auth/mfa/recovery-codes", None),
        ("POST", "/auth/mfa/recovery-codes", None),
    ],
)
async def test_a_suspended_users_token_opens_nothing(steady_api, steadily_suspended, method, path, body):
    answer = await steady_api.request(method, path, json=body, headers=bearer(steadily_suspended))
    problem(answer, 401, "invalid_token")


async def test_a_suspended_users_address_is_taken_and_says_so_to_nobody_else(api, suspended):
    problem(await api.post("/auth/signup", json=CREDENTIALS), 409, "email_taken")


async def test_a_reactivated_user_signs_in_anew_and_gets_nothing_back(api, people, services, suspended):
    async with services.db.transaction() as tx:
        user = await services.users.find_by_sub(tx, suspended["sub"])
    await services.lifecycle.reactivate(user.id, **OPERATOR)
    problem(await api.get("/auth/me", headers=bearer(suspended["own"])), 401, "invalid_token")
    tokens = await people.log_in()
    assert (await api.get("/auth/me", headers=bearer(tokens))).status_code == 200


async def test_a_sign_in_that_waits_for_its_second_factor_dies_with_the_suspension(api, people, services):
    user = await people.sign_up()
    async with services.db.transaction() as tx:
        found = await services.users.find_by_sub(tx, user["sub"])
        await services.users.require_acr(tx, found.id, ACR.AAL2, **OPERATOR)
    pending = problem(await api.post("/auth/login", json=CREDENTIALS), 403, "mfa_required")
    await services.lifecycle.suspend(found.id, **OPERATOR)
    await services.lifecycle.reactivate(found.id, **OPERATOR)
    answer = await api.post("/auth/mfa/enrol", json={"mfa_token": pending["mfa_token"], "factor": "totp"})
    problem(answer, 401, "invalid_mfa_token")
