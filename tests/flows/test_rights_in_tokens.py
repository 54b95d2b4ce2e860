"""What a user's roles make of their tokens, over HTTP."""

import shlex

import httpx2
import pytest

from app.audiences.definition import AudienceDefinition
from app.audit.event import Actor, ActorKind
from app.foundation.origin import Origin
from app.protocols.jose.algorithms import Algorithm
from app.roles.rules import ADMIN_PERMISSIONS
from app.users.user import User
from app.wiring import Services
from tests.support import ISSUER, People, bearer, claims_of, problem

pytestmark = pytest.mark.anyio

BY = {"actor": Actor(ActorKind.OPERATOR, "test"), "origin": Origin(ip=None, user_agent=None, trace_id="0" * 32)}


async def found(services: Services, email: str = "ann@example.com") -> User:
    async with services.db.transaction() as tx:
        user = await services.users.find_by_email(tx, email)
    assert user is not None
    return user


async def give(services: Services, role: str, audience: str | None, *, take: bool = False) -> None:
    user = await found(services)
    change = services.role_assignments.remove if take else services.role_assignments.assign
    async with services.db.transaction() as tx:
        assert await change(tx, user_id=user.id, role=role, audience=audience, **BY)


@pytest.fixture
async def support(services: Services, people: People) -> None:
    """Ann, and a role that may write orders."""
    await people.sign_up()
    async with services.db.transaction() as tx:
        await services.role_registration.create(tx, "support", **BY)
        await services.role_registration.grant(tx, "support", permission="orders:write", audience="orders-api", **BY)


async def rights(people: People, audience: str | None) -> tuple[list[str], list[str], set[str]]:
    asked = {} if audience is None else {"audience": audience}
    claims = claims_of((await people.log_in(**asked))["access_token"])
    return claims["roles"], claims["permissions"], set(shlex.split(claims["scope"]))


async def test_a_role_limited_to_an_audience_counts_there_alone(
    support: None, services: Services, people: People
) -> None:
    await give(services, "support", "orders-api")
    assert await rights(people, "orders-api") == (["support"], ["orders:write"], {"orders:read", "orders:write"})
    assert await rights(people, "billing-api") == ([], [], {"billing:read"})
    assert await rights(people, None) == ([], [], set())


async def test_an_unlimited_role_is_named_everywhere_with_the_permissions_of_that_audience(
    support: None, services: Services, people: People
) -> None:
    await give(services, "support", None)
    assert await rights(people, "billing-api") == (["support"], [], {"billing:read"})


async def test_an_administrator_holds_admin_scopes_here_and_only_the_name_of_the_role_elsewhere(
    support: None, services: Services, people: People
) -> None:
    await give(services, "admin", None)
    roles, permissions, scopes = await rights(people, None)
    assert (roles, set(permissions), scopes) == (["admin"], ADMIN_PERMISSIONS, ADMIN_PERMISSIONS)
    assert await rights(people, "orders-api") == (["admin"], [], {"orders:read"})


async def test_the_next_refresh_follows_a_role_given_and_taken(
    support: None, api: httpx2.AsyncClient, services: Services, people: People
) -> None:
    tokens = await people.log_in(audience="orders-api")
    for take, held in ((False, ["support"]), (True, [])):
        await give(services, "support", "orders-api", take=take)
        answer = await api.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
        tokens = answer.json()
        assert claims_of(tokens["access_token"])["roles"] == held


async def test_a_token_names_the_audience_it_was_asked_for_and_no_other(support: None, people: People) -> None:
    for asked in ("orders-api", "billing-api", ISSUER):
        assert claims_of((await people.log_in(audience=asked))["access_token"])["aud"] == asked


@pytest.mark.parametrize("asked", ["nowhere", "self", ISSUER + "/", "orders-api ", "ORDERS-API", "x" * 200])
async def test_an_audience_that_is_not_registered_by_that_very_name_is_an_invalid_target(
    support: None, api: httpx2.AsyncClient, asked: str
) -> None:
    body = {"email": "ann@example.com", "password": "correct horse battery staple", "audience": asked}
    answer = await api.post("/auth/login", json=body)
    refusal = problem(answer, 400, "invalid_target")
    assert asked not in refusal["detail"]


async def test_an_audience_chooses_the_algorithm_and_the_life_of_its_tokens(
    support: None, services: Services, people: People
) -> None:
    await services.audience_registration.create(
        AudienceDefinition(
            name="stock-api", signing_algorithm=Algorithm.EDDSA, access_token_seconds=120, claims=("email", "tier")
        ),
        **BY,
    )
    user = await found(services)
    async with services.db.transaction() as tx:
        await services.users.set_attribute(tx, user.id, name="tier", value="gold", **BY)
    tokens = await people.log_in(audience="stock-api")
    claims = claims_of(tokens["access_token"])
    assert (tokens["expires_in"], claims["exp"] - claims["iat"]) == (120, 120)
    assert (claims["email"], claims["tier"]) == ("ann@example.com", "gold")
    assert "tier" not in claims_of((await people.log_in(audience="orders-api"))["access_token"])


async def test_a_suspended_user_is_refused_at_once_with_every_token(
    support: None, api: httpx2.AsyncClient, services: Services, people: People
) -> None:
    tokens = await people.log_in(audience="orders-api")
    await services.lifecycle.suspend((await found(services)).id, **BY)
    problem(await api.get("/auth/validate", headers=bearer(tokens)), 401, "invalid_token")
    problem(
        await api.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]}), 401, "invalid_refresh_token"
    )
    body = {"email": "ann@example.com", "password": "correct horse battery staple"}
    problem(await api.post("/auth/login", json=body), 401, "invalid_credentials")
