"""Signing in: tokens, their claims, and one refusal for every reason."""

import httpx2
import pytest

from app.factors.password.hashing import HashingCost, PasswordHasher
from app.wiring import Services
from tests.support import ISSUER, PASSWORD, Events, People, bearer, claims_of, problem, suspend

pytestmark = pytest.mark.anyio


async def test_a_new_user_signs_in_for_an_audience(people: People, services: Services) -> None:
    user = await people.sign_up(name="Ann")
    tokens = await people.log_in(audience="orders-api")
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 600
    assert tokens["refresh_token"].startswith("rt_")
    assert tokens["scope"] == "orders:read"
    claims = claims_of(tokens["access_token"])
    assert claims["iss"] == ISSUER
    assert claims["aud"] == "orders-api"
    assert claims["sub"] == user["sub"]
    assert claims["client_id"] == "first-party"
    assert claims["amr"] == ["pwd"]
    assert claims["acr"] == "aal1"
    assert claims["email"] == "ann@example.com"
    assert claims["exp"] - claims["iat"] == 600
    assert claims["auth_time"] <= claims["iat"]
    assert set(claims) >= {"jti", "sid", "grant_id", "scope", "roles", "permissions"}


async def test_without_an_audience_the_token_is_for_this_service_itself(people: People) -> None:
    tokens = await people.signed_in()
    assert claims_of(tokens["access_token"])["aud"] == ISSUER
    assert tokens["scope"] == ""


async def test_a_token_carries_only_the_attributes_its_audience_asks_for(people: People) -> None:
    tokens = await people.signed_in(audience="billing-api")
    assert "email" not in claims_of(tokens["access_token"])


async def test_an_asked_scope_narrows_the_token(people: People) -> None:
    tokens = await people.signed_in(audience="orders-api", scope="orders:read")
    assert tokens["scope"] == "orders:read"


async def test_a_scope_that_is_not_held_is_left_out(people: People) -> None:
    tokens = await people.signed_in(audience="orders-api", scope="orders:write orders:read")
    assert tokens["scope"] == "orders:read"


@pytest.mark.attack("AUT-15")
@pytest.mark.parametrize("scope", ["admin", "orders:read  orders:write", "w" * 65, "a" * 10_000, 'quote"', "ünicode"])
async def test_an_unknown_or_malformed_scope_is_refused(api: httpx2.AsyncClient, people: People, scope: str) -> None:
    await people.sign_up()
    body = {"email": "ann@example.com", "password": PASSWORD, "audience": "orders-api", "scope": scope}
    answer = await api.post("/auth/login", json=body)
    assert answer.status_code in (400, 422)
    assert answer.json()["code"] in ("invalid_scope", "validation_failed")


async def test_an_unknown_audience_is_refused(api: httpx2.AsyncClient, people: People) -> None:
    await people.sign_up()
    body = {"email": "ann@example.com", "password": PASSWORD, "audience": "nobody-api"}
    problem(await api.post("/auth/login", json=body), 400, "invalid_target")


@pytest.mark.attack("PWD-01")
async def test_every_failed_sign_in_gets_the_same_answer(
    api: httpx2.AsyncClient, people: People, services: Services, events: Events
) -> None:
    await people.sign_up("known@example.com")
    suspended = await people.sign_up("suspended@example.com")
    await suspend(services, suspended["sub"])
    answers = {
        "wrong password": await api.post("/auth/login", json={"email": "known@example.com", "password": "wrong"}),
        "unknown user": await api.post("/auth/login", json={"email": "nobody@example.com", "password": PASSWORD}),
        "suspended": await api.post("/auth/login", json={"email": "suspended@example.com", "password": PASSWORD}),
        "no address": await api.post("/auth/login", json={"email": "not an address", "password": PASSWORD}),
    }
    bodies, headers = set(), set()
    for answer in answers.values():
        body = problem(answer, 401, "invalid_credentials")
        body.pop("trace_id")
        bodies.add(str(sorted(body.items())))
        shown = {name: value for name, value in answer.headers.items() if name not in ("x-trace-id", "date")}
        headers.add(str(sorted(shown.items())))
    assert len(bodies) == len(headers) == 1
    reasons = [entry["details"]["reason"] for entry in await events.of("login.failed")]
    assert reasons == ["wrong password", "unknown user", "suspended", "unknown user"]


async def test_a_sign_in_leaves_one_entry_with_who_where_and_for_what(people: People, events: Events) -> None:
    tokens = await people.signed_in(audience="orders-api")
    claims = claims_of(tokens["access_token"])
    (entry,) = await events.of("session.created")
    assert entry["subject"] == entry["actor_id"] == claims["sub"]
    assert entry["details"]["sid"] == claims["sid"]
    assert entry["details"]["audience"] == "orders-api"
    assert entry["trace_id"]


@pytest.mark.attack("PWD-13")
async def test_a_fresh_service_has_no_account_to_sign_in_with(api: httpx2.AsyncClient, services: Services) -> None:
    for email, password in [("admin@example.com", "admin"), ("admin", "admin"), ("user@example.com", "Password123!")]:
        problem(await api.post("/auth/login", json={"email": email, "password": password}), 401, "invalid_credentials")
    for path in ("/setup", "/install", "/admin/setup", "/auth/setup"):
        assert (await api.get(path)).status_code in (403, 404)
        assert (await api.post(path)).status_code in (403, 404)


async def test_a_password_hashed_with_other_parameters_is_hashed_anew_at_sign_in(
    people: People, services: Services
) -> None:
    await people.sign_up()
    cheap = PasswordHasher(threads=1, queue=0, cost=HashingCost(memory_kib=8 * 1024, passes=1))
    old = await cheap.hash(PASSWORD.encode())
    cheap.close()
    await services.db.fetchrow("UPDATE password_credentials SET password_hash = $1", old)
    await people.log_in()
    row = await services.db.fetchrow("SELECT password_hash FROM password_credentials")
    assert row is not None
    assert row[0] != old
    assert row[0].startswith(HashingCost().prefix)
    await people.log_in()


async def test_the_token_opens_the_account_it_was_made_for(api: httpx2.AsyncClient, people: People) -> None:
    tokens = await people.signed_in()
    answer = await api.get("/auth/me", headers=bearer(tokens))
    assert answer.status_code == 200
    assert answer.json()["email"] == "ann@example.com"
