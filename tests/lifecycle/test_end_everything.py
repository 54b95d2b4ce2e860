"""The panic switch: everything of a user, a client or an audience, ended in one act."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from app.audit.event import SYSTEM
from app.clients.rules import ClientDefinition, ServiceScope
from app.clients.service import NewCredentials
from app.lifecycle.ending import Ended
from app.wiring import Services
from tests.administrators import BY, Administrators
from tests.oauth.conftest import ORIGIN, Machine
from tests.support import PASSWORD, Events, People, bearer, claims_of, problem

pytestmark = pytest.mark.anyio

WHY = {"reason": "INC-4711: found in a public log"}
SCOPES = [f"admin:{noun}:write" for noun in ("users", "oauth-clients", "audiences", "api-keys")]


class Scene:
    """A user with sessions and keys, a client with tokens and keys, and who looks whether they count."""

    def __init__(self, api: httpx2.AsyncClient, services: Services) -> None:
        self.api, self.services = api, services
        self.people, self.machine = People(api), Machine(api)

    async def client(self, **stated: Any) -> NewCredentials:
        targets = {"orders-api": ("orders:read",), "billing-api": None}
        values = {"name": "reporting", "grant_types": ("client_credentials",), "targets": targets, **stated}
        async with self.services.db.transaction() as tx:
            return await self.services.clients.create(tx, ClientDefinition(**values), actor=SYSTEM, origin=ORIGIN)

    async def token_of(self, made: NewCredentials, audience: str = "orders-api") -> str:
        return await self.machine.token(made, audience=audience)

    async def counts(self, raw_token: str) -> bool:
        answer = await self.api.get("/auth/validate", headers={"Authorization": f"Bearer {raw_token}"})
        assert answer.status_code in (200, 401), answer.text
        return answer.status_code == 200

    async def refresh(self, tokens: dict[str, Any], audience: str | None = None) -> httpx2.Response:
        body = {"refresh_token": tokens["refresh_token"]} | ({"audience": audience} if audience else {})
        return await self.api.post("/auth/refresh", json=body)

    async def key_counts(self, service: NewCredentials, raw_key: str) -> bool:
        auth = (service.client_id, service.raw_secret or "")
        answer = await self.api.post("/auth/introspect", json={"api_key": raw_key}, auth=auth)
        return bool(answer.json()["active"])

    async def entries(self) -> set[tuple[str, str]]:
        async with self.services.db.transaction() as tx:
            rows = await tx.execute(text("SELECT kind, target FROM revocations"))
            return {(row.kind, row.target) for row in rows}


@pytest.fixture
def scene(api: httpx2.AsyncClient, services: Services) -> Scene:
    return Scene(api, services)


def moment(answer: httpx2.Response) -> float:
    assert answer.status_code == 200, answer.text
    return datetime.fromisoformat(answer.json()["not_before"]).timestamp()


async def test_everything_of_a_user_ends_and_they_may_come_back_at_once(
    scene: Scene, admins: Administrators, events: Events
) -> None:
    admin = await admins.holding(*SCOPES)
    tokens = await scene.people.signed_in()
    sub = claims_of(tokens["access_token"])["sub"]
    orders = (await scene.refresh(tokens, "orders-api")).json()
    body = {"name": "export", "scopes": ["orders:read"], "audience": "orders-api"}
    key = (await scene.api.post("/auth/api-keys", json=body, headers=bearer(tokens))).json()

    answer = await scene.api.post(
        f"/admin/users/{sub}/end-everything", json=WHY, headers={**admin, "Idempotency-Key": "panic"}
    )
    not_before = moment(answer)
    assert answer.json() == {"not_before": answer.json()["not_before"], "sessions": 1, "api_keys": 1}
    again = await scene.people.log_in()
    assert claims_of(again["access_token"])["iat"] >= not_before, "a token of the ended second would be refused"
    assert await scene.counts(again["access_token"])
    for raw_token in (tokens["access_token"], orders["access_token"]):
        assert not await scene.counts(raw_token)
    assert (await scene.refresh(orders)).status_code == 401
    assert {kind for kind, target in await scene.entries() if target == sub} == {"sub"}
    assert {"sid", "api_key", "sub"} <= {kind for kind, _ in await scene.entries()}
    assert ("api_key", key["id"]) in await scene.entries()

    # Sent again with its key, the act is not done twice: the new session stays.
    repeated = await scene.api.post(
        f"/admin/users/{sub}/end-everything", json=WHY, headers={**admin, "Idempotency-Key": "panic"}
    )
    assert repeated.json() == answer.json()
    assert await scene.counts(again["access_token"])
    [entry] = await events.of("access.ended")
    assert (entry["subject"], entry["details"]["reason"], entry["details"]["of"]) == (sub, WHY["reason"], "user")


async def test_everything_of_a_client_ends_and_its_next_token_counts(
    scene: Scene, admins: Administrators, services: Services
) -> None:
    admin = await admins.holding(*SCOPES)
    service = await scene.client(name="orders", audience="orders-api", scopes=(ServiceScope.INTROSPECTION,))
    made, other = await scene.client(), await scene.client(name="other")
    own, others = await scene.token_of(made), await scene.token_of(other)
    # A user's grant that this client holds, as the provider will open it.
    tokens = await scene.people.signed_in(audience="orders-api")
    kept = await scene.people.log_in(audience="orders-api")
    grant_id = claims_of(tokens["access_token"])["grant_id"]
    async with services.db.transaction() as tx:
        await tx.execute(
            text("UPDATE grants SET client_id = :client WHERE grant_id = :grant"),
            {"client": made.client_id, "grant": grant_id},
        )
    body = {"client_id": made.client_id, "name": "nightly", "scopes": ["orders:read"], "audience": "orders-api"}
    answer = await scene.api.post("/admin/api-keys", json=body, headers=admin)
    assert answer.status_code == 201, answer.text
    raw_key = answer.json()["api_key"]
    assert await scene.key_counts(service, raw_key)

    answer = await scene.api.post(f"/admin/oauth-clients/{made.client_id}/end-everything", json=WHY, headers=admin)
    not_before = moment(answer)
    assert answer.json()["api_keys"] == 1
    fresh = await scene.token_of(made)
    assert claims_of(fresh)["iat"] >= not_before
    assert await scene.counts(fresh)
    assert not await scene.counts(own)
    assert not await scene.counts(tokens["access_token"])
    assert (await scene.refresh(tokens)).status_code == 401
    assert not await scene.key_counts(service, raw_key)
    assert await scene.counts(others)
    assert await scene.counts(kept["access_token"])
    assert ("client_id", made.client_id) in await scene.entries()
    missing = await scene.api.post("/admin/oauth-clients/c_nobody/end-everything", json=WHY, headers=admin)
    problem(missing, 404, "client_not_found")


async def test_everything_of_an_audience_ends_whatever_grant_a_token_hangs_from(
    scene: Scene, admins: Administrators, services: Services
) -> None:
    admin = await admins.holding(*SCOPES)
    await services.audience_registration.update(
        "orders-api", lambda present: replace(present, resources=("https://o.example",)), **BY
    )
    made = await scene.client()
    own = await scene.token_of(made)
    by_resource = await scene.machine.token(made, resource="https://o.example")
    elsewhere = await scene.token_of(made, "billing-api")
    at_billing = await scene.people.signed_in(audience="billing-api")
    for_orders = await scene.people.log_in(audience="orders-api")
    crossed = (await scene.refresh(at_billing, "orders-api")).json()

    answer = await scene.api.post("/admin/audiences/orders-api/end-everything", json=WHY, headers=admin)
    not_before = moment(answer)
    again = (await scene.refresh(crossed, "orders-api")).json()
    anew = await scene.token_of(made)
    for raw_token in (again["access_token"], anew):
        assert claims_of(raw_token)["iat"] >= not_before
        assert await scene.counts(raw_token)
    for raw_token in (own, by_resource, crossed["access_token"], for_orders["access_token"]):
        assert not await scene.counts(raw_token)
    assert (await scene.refresh(for_orders)).status_code == 401
    assert await scene.counts(elsewhere)
    assert await scene.counts(at_billing["access_token"])
    assert {("aud", "orders-api"), ("aud", "https://o.example")} <= await scene.entries()
    for name in ("self", "nowhere"):
        missing = await scene.api.post(f"/admin/audiences/{name}/end-everything", json=WHY, headers=admin)
        problem(missing, 404, "audience_not_found")


class Takers:
    """Whoever gets tokens without pause while an act ends everything of one thing, and one each after it."""

    def __init__(self, scene: Scene, act: Callable[[], Awaitable[Ended]]) -> None:
        self._scene, self._act = scene, act
        self._ended = asyncio.Event()
        self.got: list[tuple[bool, dict[str, Any], str]] = []

    async def run(self, *ways: Callable[[], Awaitable[str | None]]) -> Ended:
        done, *_ = await asyncio.gather(self._end(), *(self._take(way) for way in ways))
        return done

    async def _end(self) -> Ended:
        while not self.got:
            await asyncio.sleep(0.01)
        done = await self._act()
        self._ended.set()
        return done

    async def _take(self, way: Callable[[], Awaitable[str | None]]) -> None:
        is_after, raw_token = False, None
        while not (is_after and raw_token):
            is_after = self._ended.is_set()
            raw_token = await way()
            if raw_token is not None:
                self.got.append((is_after, claims_of(raw_token), raw_token))


@pytest.mark.parametrize("what", ["user", "client", "audience"])
async def test_while_it_ends_every_token_is_either_refused_or_of_later(
    scene: Scene, services: Services, what: str
) -> None:
    """Signing in, refreshing and asking for tokens go on in the very second: none slips through, none new is lost."""
    made = await scene.client()
    standing = await scene.people.signed_in()
    sub = claims_of(standing["access_token"])["sub"]
    async with services.db.transaction() as tx:
        user = await services.users.find_by_sub(tx, sub)
    assert user is not None
    ending, why = services.ending, {"reason": WHY["reason"], **BY}
    acts: dict[str, Callable[[], Awaitable[Ended]]] = {
        "user": lambda: ending.of_user(user, **why),
        "client": lambda: ending.of_client(made.client_id, **why),
        "audience": lambda: ending.of_audience("orders-api", **why),
    }

    async def signed_in() -> str | None:
        body = {"email": "ann@example.com", "password": PASSWORD, "audience": "orders-api"}
        answer = await scene.api.post("/auth/login", json=body)
        # A sign-in that the act met in its middle comes to nothing.
        assert answer.status_code == 200 or (answer.status_code == 401 and what == "user")
        return answer.json().get("access_token")

    async def refreshed() -> str | None:
        nonlocal standing
        answer = await scene.refresh(standing, "orders-api")
        if answer.status_code == 401 and what == "user":
            standing = await scene.people.log_in()
            return None
        standing = answer.json()
        return str(standing["access_token"])

    takers = Takers(scene, acts[what])
    ways = [refreshed, signed_in, lambda: scene.token_of(made)]
    done = await takers.run(*(ways[:2] if what == "user" else ways[2:] if what == "client" else ways))
    not_before = done.not_before.timestamp()
    assert any(is_after for is_after, _, _ in takers.got)
    for is_after, claims, raw_token in takers.got:
        is_later = claims["iat"] >= not_before
        assert is_later or not is_after, "issued after the act, and in the second that it ended"
        assert await scene.counts(raw_token) == is_later, (is_after, claims["iat"] - not_before)


@pytest.mark.parametrize("noun", ["users/u_x", "oauth-clients/c_x", "audiences/orders-api"])
async def test_it_asks_for_a_reason_a_recent_sign_in_and_the_right(
    scene: Scene, admins: Administrators, noun: str
) -> None:
    path = f"/admin/{noun}/end-everything"
    admin = await admins.holding(*SCOPES)
    for body in ({}, {"reason": "short"}, {"reason": "x" * 501}):
        problem(await scene.api.post(path, json=body, headers=admin), 422, "validation_failed")
    bystander = await admins.holding("admin:users:read")
    problem(await scene.api.post(path, json=WHY, headers=bystander), 403, "insufficient_scope")
    await admins.grow_stale()
    problem(await scene.api.post(path, json=WHY, headers=admin), 401, "insufficient_user_authentication")


async def test_nobody_ends_everything_of_who_may_administer_what_they_may_not(
    scene: Scene, admins: Administrators
) -> None:
    admin = await admins.holding("admin:users:write")
    above = await admins.all_powerful()
    sub = claims_of(above["Authorization"].removeprefix("Bearer "))["sub"]
    problem(await scene.api.post(f"/admin/users/{sub}/end-everything", json=WHY, headers=admin), 403, "right_not_held")
    problem(await scene.api.post("/admin/users/nobody/end-everything", json=WHY, headers=admin), 404, "user_not_found")
