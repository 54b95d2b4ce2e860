"""F17: a provider hangs, drips, resets, fails or has no TLS. Its own sign-ins fail in words, and nothing else does."""

import asyncio
import socket
import struct
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from app.settings import Settings
from app.wiring import Services
from tests.brokering.conftest import member, someone
from tests.conftest import settings_for
from tests.support import PASSWORD, Events
from tests.webhooks.receiver import Answer, answer, close_early, drip, hang

pytestmark = [pytest.mark.anyio, pytest.mark.fault("F17")]

ANSWER_SECONDS = 0.5


async def reset(writer: asyncio.StreamWriter) -> None:
    """RST in place of an answer."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


FAULTS: dict[str, Answer] = {
    "hangs": hang,
    "drips": drip,
    "resets": reset,
    "fails": answer("500 Internal Server Error"),
    "closes": close_early,
    "tls": hang,
}


class Broken:
    """A server that breaks in one way, and counts who has come."""

    def __init__(self) -> None:
        self.came = 0
        self.port = 0

    @asynccontextmanager
    async def serving(self, fault: Answer) -> AsyncIterator["Broken"]:
        tasks: set[asyncio.Task[None]] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.came += 1
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            try:
                await reader.read(1)
                await fault(writer)
            except OSError:
                pass
            finally:
                tasks.discard(task)
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in tuple(tasks):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def broken() -> AsyncIterator[dict[str, Broken]]:
    async with AsyncExitStack() as stack:
        yield {name: await stack.enter_async_context(Broken().serving(fault)) for name, fault in FAULTS.items()}


@pytest.fixture
def settings(database_url, engines, provider, broken) -> Settings:
    declared: list[dict[str, Any]] = [member(provider, "corp")]
    for name, server in broken.items():
        scheme = "https" if name == "tls" else "http"
        issuer = f"{scheme}://localhost:{server.port}"
        declared.append({"id": name, "name": name, "config": {"issuer": issuer, "client_id": "rp"}, "secret": "s"})
    return settings_for(
        database_url,
        engines,
        identity_providers={"declared": declared},
        http={"allow_private": ["localhost"]},
        federation={"answer_seconds": ANSWER_SECONDS},
    )


async def test_a_broken_provider_costs_its_own_people_a_moment_and_nobody_else_anything(
    browsers, provider, broken: dict[str, Broken], services: Services, events: Events
):
    someone(provider)
    jo = browsers()
    await jo.client.post("/auth/signup", json={"email": "rue@example.com", "password": PASSWORD})
    for name, server in broken.items():
        slowest = 0.0
        for _ in range(5):
            begun = time.monotonic()
            answered = await jo.open(f"/auth/oauth/{name}/start")
            slowest = max(slowest, time.monotonic() - begun)
            assert answered.status_code in (502, 503), (name, answered.text)
            assert "location" not in answered.headers
            assert name in jo.page.heading
        # Generous, for a machine that is busy: what is bounded is the wait for the provider.
        assert slowest < 5 + ANSWER_SECONDS, name
        came = server.came
        answered = await jo.open(f"/auth/oauth/{name}/start")
        assert (answered.status_code, server.came) == (503, came), name
        assert jo.page.heading == f"{name} does not answer"
    # The neighbours.
    assert (await jo.sign_in("corp")).status_code == 303
    body = {"email": "rue@example.com", "password": PASSWORD}
    assert (await jo.client.post("/auth/login", json=body)).status_code == 200
    ready = await jo.client.get("/health/ready")
    assert ready.status_code == 200
    refused = await events.of("user.federated_sign_in_refused")
    assert len(refused) == 6 * len(FAULTS)
    assert {one["details"]["reason"] for one in refused} <= {"unreachable", "broken"}


async def test_a_provider_that_breaks_while_its_people_are_away_is_told_of_when_they_come_back(browsers, provider):
    someone(provider)
    jo = browsers()
    back = await jo.start("corp")
    provider.answers["/token"] = provider.hanging
    answered = await jo.open(back)
    assert answered.status_code == 503
    assert jo.page.heading == "Corp does not answer"
    assert await jo.who() is None
    provider.answers.clear()
    assert (await jo.sign_in("corp")).status_code == 303
