"""An API key that has ended is refused wherever it is shown."""

import asyncio
import time
from datetime import timedelta

import httpx2
import pytest

from app.clients.rules import ClientDefinition
from app.foundation.clock import rfc3339
from app.protocols.oauth.registration import GrantType
from app.wiring import Services
from tests.administrators import BY, Administrators
from tests.signals.downstream import CAP_SECONDS, Downstream, credentials, guarded
from tests.support import suspend

SCOPE, MAKES_KEYS = "admin:users:read", "admin:api-keys:write"
# Long enough for the others to end meanwhile; the key is good until then.
EXPIRES = timedelta(seconds=8)

# A key for orders-api, and one of the same owner for this service where they may have one.
Pair = tuple[str, str | None]


class Stacks:
    """Who is shown a key: a service that follows the feed, one that asks about each key, and this service itself."""

    def __init__(self, server: httpx2.AsyncClient, services: Services, downstream: Downstream) -> None:
        self.server = server
        self._services = services
        self._downstream = downstream
        self._asks_as: tuple[str, str] = ("", "")

    async def open(self) -> None:
        await self._downstream.status({})
        await self._downstream.follows()
        self._asks_as = await credentials(self._services, "orders-api")

    async def make(self, headers: dict[str, str], scope: str, path: str = "/auth/api-keys", **fields: str) -> list[str]:
        """A key's id and the key."""
        body = {"name": "robot", "scopes": [scope], **fields}
        answer = await self.server.post(path, json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        return [answer.json()["id"], answer.json()["api_key"]]

    async def client(self, writer: dict[str, str]) -> tuple[str, str]:
        """A service account's id and its key."""
        grants = (GrantType.CLIENT_CREDENTIALS,)
        definition = ClientDefinition(name="robot", grant_types=grants, targets={"orders-api": ("orders:read",)})
        async with self._services.db.transaction() as tx:
            client_id = (await self._services.clients.create(tx, definition, **BY)).client_id
        fields = {"client_id": client_id, "audience": "orders-api"}
        return client_id, (await self.make(writer, "orders:read", "/admin/api-keys", **fields))[1]

    async def answers(self, pair: Pair) -> list[int | bool]:
        orders, own = pair
        asked = await self.server.post("/auth/introspect", json={"api_key": orders}, auth=self._asks_as)
        assert asked.status_code == 200, asked.text
        found = [await self._downstream.status({"X-API-Key": orders}), asked.json()["active"]]
        if own is not None:
            found.append((await self.server.get("/admin/users?limit=1", headers={"X-API-Key": own})).status_code)
        return found

    async def refuse(self, pair: Pair) -> None:
        """Return once all of them do."""
        async with asyncio.timeout(CAP_SECONDS):
            while await self.answers(pair) != [401, False, 401][: 2 if pair[1] is None else 3]:
                await asyncio.sleep(0.05)


@pytest.mark.attack("API-02")
async def test_a_key_that_has_ended_is_refused_at_every_stack(services: Services, server: httpx2.AsyncClient) -> None:
    admins = Administrators(server, services)
    downstream = guarded(str(server.base_url).rstrip("/"), await credentials(services, "orders-api"))
    stacks = Stacks(server, services, downstream)
    await stacks.open()
    expiring = {"expired": {"expires_at": rfc3339(services.clock.now() + EXPIRES)}}
    sure_until = time.monotonic() + EXPIRES.total_seconds() / 2
    pairs: dict[str, Pair] = {}
    owners, ids, subs = {}, {}, {}
    for end in ("revoked", "expired", "suspended", "deleted"):
        owners[end] = headers = await admins.holding(SCOPE)
        subs[end] = (await server.get("/auth/me", headers=headers)).json()["sub"]
        fields = expiring.get(end, {})
        orders = await stacks.make(headers, "orders:read", audience="orders-api", **fields)
        own = await stacks.make(headers, SCOPE, **fields)
        ids[end], pairs[end] = (orders[0], own[0]), (orders[1], own[1])
    writer = await admins.holding(MAKES_KEYS)
    clients = {end: await stacks.client(writer) for end in ("disabled", "removed")}
    pairs |= {end: (key, None) for end, (_, key) in clients.items()}
    for end, pair in pairs.items():
        if end != "expired" or time.monotonic() < sure_until:
            assert await stacks.answers(pair) == [200, True, 200][: 2 if pair[1] is None else 3], end

    for key_id in ids["revoked"]:
        assert (await server.delete(f"/auth/api-keys/{key_id}", headers=owners["revoked"])).status_code == 204
    await suspend(services, subs["suspended"])
    async with services.db.transaction() as tx:
        gone = await services.users.find_by_sub(tx, subs["deleted"])
        await services.clients.disable(tx, clients["disabled"][0], **BY)
        await services.clients.delete(tx, clients["removed"][0], **BY)
    assert gone is not None
    await services.lifecycle.delete(gone.id, **BY)
    for pair in pairs.values():
        await stacks.refuse(pair)
