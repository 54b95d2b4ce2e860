from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest

from app.audit.event import SYSTEM
from app.clients.rules import ClientDefinition
from app.foundation.origin import Origin
from app.wiring import Services
from tests.support import bearer

ORIGIN = Origin(ip=None, user_agent=None, trace_id="0" * 32)

Service = tuple[str, str]


class Keys:
    """Makes API keys, and asks about them as a downstream service does, over HTTP."""

    def __init__(self, api: httpx2.AsyncClient, services: Services) -> None:
        self._api = api
        self._services = services

    async def ask(self, tokens: dict[str, Any], **fields: object) -> httpx2.Response:
        body = {"name": "export", "scopes": ["orders:read"], "audience": "orders-api", **fields}
        body = {name: value for name, value in body.items() if value is not None}
        return await self._api.post("/auth/api-keys", json=body, headers=bearer(tokens))

    async def make(self, tokens: dict[str, Any], **fields: object) -> dict[str, Any]:
        answer = await self.ask(tokens, **fields)
        assert answer.status_code == 201, answer.text
        assert answer.headers["cache-control"] == "no-store"
        return answer.json()

    async def rotate(self, tokens: dict[str, Any], key_id: str, **fields: object) -> httpx2.Response:
        return await self._api.post(f"/auth/api-keys/{key_id}/rotate", json=fields, headers=bearer(tokens))

    async def revoke(self, tokens: dict[str, Any], key_id: str) -> httpx2.Response:
        return await self._api.delete(f"/auth/api-keys/{key_id}", headers=bearer(tokens))

    async def listed(self, tokens: dict[str, Any]) -> list[dict[str, Any]]:
        answer = await self._api.get("/auth/api-keys", headers=bearer(tokens))
        assert answer.status_code == 200, answer.text
        return answer.json()["items"]

    async def introspect(self, service: Service, raw_key: str) -> dict[str, Any]:
        answer = await self._api.post("/auth/introspect", json={"api_key": raw_key}, auth=service)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def is_active(self, service: Service, raw_key: str) -> bool:
        return (await self.introspect(service, raw_key))["active"]


@pytest.fixture
def keys(api: httpx2.AsyncClient, services: Services) -> Keys:
    return Keys(api, services)


@pytest.fixture
def make_service(services: Services) -> Callable[..., Awaitable[Service]]:
    async def make(audience: str | None = "orders-api", scopes: tuple[str, ...] = ("introspection",)) -> Service:
        definition = ClientDefinition(name="service", audience=audience, scopes=scopes)
        async with services.db.transaction() as tx:
            made = await services.clients.create(tx, definition, actor=SYSTEM, origin=ORIGIN)
        return made.client_id, made.raw_secret

    return make


@pytest.fixture
async def orders(make_service: Callable[..., Awaitable[Service]]) -> Service:
    return await make_service()
