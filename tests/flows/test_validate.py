"""Whose token opens what, and what `validate` answers."""

from datetime import timedelta

import httpx2
import pytest

from app.wiring import Services
from tests.support import ISSUER, People, bearer, claims_of, problem

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("audience", [ISSUER, "orders-api", "billing-api"])
async def test_validate_tells_who_a_live_token_speaks_for(
    api: httpx2.AsyncClient, people: People, audience: str
) -> None:
    tokens = await people.signed_in(audience=audience)
    claims = claims_of(tokens["access_token"])
    answer = await api.get("/auth/validate", headers=bearer(tokens))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    names = ("sub", "sid", "aud", "scope", "roles", "auth_time", "exp")
    assert answer.json() == {"active": True} | {name: claims[name] for name in names}


OWN_ROUTES = [
    ("GET", "/auth/me"),
    ("PATCH", "/auth/me"),
    ("DELETE", "/auth/me"),
    ("GET", "/auth/sessions"),
    ("DELETE", "/auth/sessions/0190a0a0-0000-7000-8000-000000000000"),
]


@pytest.mark.parametrize(("method", "path"), OWN_ROUTES)
async def test_a_token_for_another_audience_does_not_open_the_account(
    api: httpx2.AsyncClient, people: People, method: str, path: str
) -> None:
    tokens = await people.signed_in(audience="orders-api")
    problem(await api.request(method, path, headers=bearer(tokens), json={}), 401, "invalid_token")


@pytest.mark.parametrize(("method", "path"), [*OWN_ROUTES, ("GET", "/auth/validate"), ("POST", "/auth/logout")])
async def test_without_a_token_nothing_opens(api: httpx2.AsyncClient, method: str, path: str) -> None:
    answer = await api.request(method, path, json={})
    problem(answer, 401, "missing_token")
    assert "error=" not in answer.headers["www-authenticate"]


@pytest.mark.attack("JWT-01")
@pytest.mark.parametrize(
    "value",
    ["Bearer", "Bearer ", "Bearer x", "Bearer a.b.c", "Bearer ..", "Basic dXNlcjpwYXNz", "bearer\tx", "Bearer x,"],
)
async def test_a_malformed_credential_is_refused(api: httpx2.AsyncClient, value: str) -> None:
    answer = await api.get("/auth/validate", headers={"Authorization": value})
    assert answer.status_code == 401
    assert answer.json()["code"] in ("invalid_token", "missing_token")


async def test_two_credentials_are_refused(api: httpx2.AsyncClient, people: People) -> None:
    tokens = await people.signed_in()
    value = f"Bearer {tokens['access_token']}"
    answer = await api.get("/auth/validate", headers=[("Authorization", value), ("Authorization", value)])
    problem(answer, 400, "ambiguous_credentials")


@pytest.mark.attack("JWT-13")
async def test_a_changed_token_is_refused(api: httpx2.AsyncClient, people: People) -> None:
    token = (await people.signed_in())["access_token"]
    header, payload, signature = token.split(".")
    for forged in (
        f"{header}.{payload}.",
        f"{header}.{payload[:-2]}AA.{signature}",
        f"{header}.{payload}",
        token + ".x",
    ):
        answer = await api.get("/auth/validate", headers={"Authorization": f"Bearer {forged}"})
        problem(answer, 401, "invalid_token")


@pytest.mark.attack("JWT-08")
async def test_an_expired_token_is_refused_once_the_leeway_is_over(
    api: httpx2.AsyncClient, people: People, services: Services
) -> None:
    tokens = await people.signed_in()
    services.clock.offset += timedelta(seconds=610)
    assert (await api.get("/auth/validate", headers=bearer(tokens))).status_code == 200
    services.clock.offset += timedelta(seconds=21)
    problem(await api.get("/auth/validate", headers=bearer(tokens)), 401, "invalid_token")


async def test_the_scheme_is_case_insensitive(api: httpx2.AsyncClient, people: People) -> None:
    tokens = await people.signed_in()
    headers = {"Authorization": f"bEaReR {tokens['access_token']}"}
    assert (await api.get("/auth/validate", headers=headers)).status_code == 200


async def test_a_refresh_token_is_no_access_token(api: httpx2.AsyncClient, people: People) -> None:
    tokens = await people.signed_in()
    headers = {"Authorization": f"Bearer {tokens['refresh_token']}"}
    problem(await api.get("/auth/validate", headers=headers), 401, "invalid_token")
