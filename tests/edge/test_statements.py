"""How often one request asks the database: what the hot endpoints promise, counted."""

import httpx2
import pytest

from app.audit.event import SYSTEM
from app.clients.rules import ClientDefinition
from app.foundation.origin import Origin
from app.wiring import Services
from tests.statements import Act, count
from tests.support import PASSWORD, People, bearer

ORIGIN = Origin(ip=None, user_agent=None, trace_id="0" * 32)

LISTED = "a list of one's own"


@pytest.fixture
async def acts(api: httpx2.AsyncClient, people: People, services: Services) -> dict[str, Act]:
    await people.sign_up()
    own = await people.log_in()
    tokens = await people.log_in(audience="orders-api")

    async def made(definition: ClientDefinition) -> tuple[str, str]:
        async with services.db.transaction() as tx:
            client = await services.clients.create(tx, definition, actor=SYSTEM, origin=ORIGIN)
        return client.client_id, client.raw_secret

    targets = {"orders-api": ("orders:read",)}
    machine = await made(ClientDefinition(name="machine", grant_types=("client_credentials",), targets=targets))
    service = await made(ClientDefinition(name="service", audience="orders-api", scopes=("introspection",)))
    body = {"name": "export", "scopes": ["orders:read"], "audience": "orders-api"}
    key = (await api.post("/auth/api-keys", json=body, headers=bearer(own))).json()["api_key"]

    async def refresh() -> httpx2.Response:
        answer = await api.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
        tokens.update(answer.json())
        return answer

    login = {"email": "ann@example.com", "password": PASSWORD, "audience": "orders-api"}
    return {
        "login": lambda: api.post("/auth/login", json=login),
        "refresh": refresh,
        "client credentials": lambda: api.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=machine),
        "introspection": lambda: api.post("/auth/introspect", json={"api_key": key}, auth=service),
        "validate": lambda: api.get("/auth/validate", headers=bearer(own)),
        "key set": lambda: api.get("/.well-known/jwks.json"),
        LISTED: lambda: api.get("/auth/sessions", headers=bearer(own)),
    }


async def test_each_hot_endpoint_asks_no_more_than_it_promises(services: Services, acts: dict[str, Act]) -> None:
    found = {name: (await count(services, act)).counts for name, act in acts.items() if name != LISTED}
    assert max(found["login"][0]) <= 3, found
    del found["login"]
    assert found == {
        "refresh": ([], 1),
        "client credentials": ([], 1),
        "introspection": ([], 1),
        "validate": ([], 1),
        "key set": ([], 0),
    }


async def test_a_plain_bearer_call_to_our_own_routes_looks_no_user_up(services: Services, acts: dict[str, Act]) -> None:
    asked = await count(services, acts[LISTED])
    # Whether session, grant and user still count is one question; the rest is what the route is about.
    assert asked.counts == ([1], 1)
