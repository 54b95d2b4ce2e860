"""The feed of a process that publishes, follows and serves, read over HTTP."""

import asyncio
import base64
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
import uvicorn
from joserfc import jws
from joserfc.jwk import KeySet

from app.audit.event import SYSTEM
from app.clients.rules import ClientDefinition
from app.foundation.origin import Origin
from app.main import create_app
from app.revocation.kinds import RevocationKind
from app.wiring import Services
from tests.support import ISSUER

ORIGIN = Origin(ip=None, user_agent=None, trace_id="0" * 32)
PATH = "/auth/revocations"


class Reader:
    """A downstream service at the other end of the feed."""

    def __init__(self, services: Services, client: httpx2.AsyncClient, credentials: str, client_id: str) -> None:
        self.services = services
        self.client = client
        self.headers = {"Authorization": credentials}
        self.client_id = client_id

    async def poll(self, after: str | None = None, *, wait: float = 0) -> tuple[list[dict[str, Any]], str]:
        parameters = {"wait": str(wait)} | ({"after": after} if after else {})
        answer = await self.client.get(PATH, params=parameters, headers=self.headers)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        return [self.opened(token) for token in body["batches"]], body["cursor"]

    @contextlib.asynccontextmanager
    async def stream(self, cursor: str | None = None) -> AsyncIterator["Events"]:
        headers = {**self.headers, "Accept": "text/event-stream"} | ({"Last-Event-ID": cursor} if cursor else {})
        async with self.client.stream("GET", PATH, headers=headers) as answer:
            assert answer.status_code == 200, await answer.aread()
            assert answer.headers["content-type"].startswith("text/event-stream")
            yield Events(self, answer)

    def opened(self, token: str) -> dict[str, Any]:
        """A batch's claims, after its signature, its type and whom it is for have been checked."""
        keys = KeySet.import_key_set(json.loads(self.services.keys.jwks()))
        opened = jws.deserialize_compact(token, keys, algorithms=["RS256", "ES256"])
        assert opened.headers()["typ"] == "revocations+jwt"
        claims: dict[str, Any] = json.loads(opened.payload)
        assert (claims["iss"], claims["aud"]) == (ISSUER, "orders-api")
        return claims

    async def revoke(
        self, *targets: str, kind: RevocationKind = RevocationKind.SID, audience: str | None = None
    ) -> None:
        async with self.services.db.transaction() as tx:
            await self.services.revocations.add_all(tx, kind, targets, reason="test", audience=audience)


class Events:
    """The events of one stream, as they come."""

    def __init__(self, reader: Reader, answer: httpx2.Response) -> None:
        self._reader = reader
        self._lines = answer.aiter_lines()
        self.cursor = ""

    async def next(self) -> dict[str, Any] | None:
        """The next batch; None where the stream has ended."""
        event: dict[str, str] = {}
        async with asyncio.timeout(60):
            async for line in self._lines:
                name, _, value = line.partition(": ")
                if line:
                    event[name] = value
                elif "data" in event:
                    self.cursor = event["id"]
                    return self._reader.opened(event["data"])
        return None

    async def until(self, target: str) -> list[dict[str, Any]]:
        """The batches up to the one that names a target."""
        batches = []
        while (batch := await self.next()) is not None:
            batches.append(batch)
            if target in ids(batch):
                return batches
        raise AssertionError(f"the stream ended before {target}")


def ids(batch: dict[str, Any]) -> list[str]:
    return [entry["id"] for entry in batch["entries"]]


@contextlib.asynccontextmanager
async def serving(services: Services) -> AsyncIterator[httpx2.AsyncClient]:
    """The service on a real socket: only there does a stream flow."""
    app = create_app(services=services)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, log_config=None, lifespan="on", timeout_graceful_shutdown=5)
        running = uvicorn.Server(config)
        task = asyncio.create_task(running.serve(sockets=[listener]))
        try:
            async with httpx2.AsyncClient(
                base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=60, trust_env=False
            ) as client:
                async with asyncio.timeout(60):
                    while (await client.get("/health/live")).status_code != 200 or services.follower.epoch is None:
                        await asyncio.sleep(0.01)
                yield client
        finally:
            running.should_exit = True
            await task


@pytest.fixture
async def server(services: Services) -> AsyncIterator[httpx2.AsyncClient]:
    async with serving(services) as client:
        yield client


@pytest.fixture
async def reader(services: Services, server: httpx2.AsyncClient) -> Reader:
    return await make_reader(services, server, audience="orders-api")


async def make_reader(
    services: Services, client: httpx2.AsyncClient, *, audience: str, scope: str = "revocations:read"
) -> Reader:
    definition = ClientDefinition(name="reader", audience=audience, scopes=(scope,))
    async with services.db.transaction() as tx:
        made = await services.clients.create(tx, definition, actor=SYSTEM, origin=ORIGIN)
    credentials = "Basic " + base64.b64encode(f"{made.client_id}:{made.raw_secret}".encode()).decode()
    return Reader(services, client, credentials, made.client_id)
