"""Signing keys are rotated while people sign in, refresh and call a service: no honest token is refused."""

import asyncio
import sys
from typing import Self

import httpx2
import pytest

from tests.cli.running import PROJECT, run
from tests.faults.conftest import Deployment
from tests.support import PASSWORD, bearer, claims_of

pytestmark = pytest.mark.anyio

CLIENTS = 12
ROTATIONS = 2


class Orders:
    """The example service in a process of its own."""

    def __init__(self, deployment: Deployment) -> None:
        self.url = f"http://localhost:{deployment.port + 1}"
        self._port = deployment.port + 1
        self._auth = deployment.url

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "uvicorn", "examples.orders_api.main:app", "--port", str(self._port)),
            cwd=PROJECT,
            env={"AUTH_BASE_URL": self._auth},
            stderr=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
        )
        async with httpx2.AsyncClient() as client:
            for _ in range(600):
                try:
                    await client.get(f"{self.url}/openapi.json")
                except httpx2.TransportError:
                    await asyncio.sleep(0.05)
                else:
                    return self
        raise AssertionError("orders-api did not start")

    async def __aexit__(self, *_: object) -> None:
        self._process.terminate()
        await self._process.wait()


@pytest.mark.attack("KEY-01")
async def test_a_rotation_under_load_refuses_no_honest_token(deployment: Deployment) -> None:
    refused: list[str] = []
    kids: set[str] = set()
    served = 0
    over = asyncio.Event()

    async def client_at_work(client: httpx2.AsyncClient, orders: Orders) -> None:
        nonlocal served
        body = {"email": "ann@example.com", "password": PASSWORD, "audience": "orders-api"}
        tokens = (await client.post("/auth/login", json=body)).json()
        while not over.is_set():
            for url in (f"{orders.url}/orders", f"{deployment.url}/auth/validate"):
                answer = await client.get(url, headers=bearer(tokens))
                served += 1
                if answer.status_code != 200:
                    refused.append(answer.text)
            answer = await client.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
            tokens = answer.json()
            kids.add(header_of(tokens["access_token"])["kid"])

    async with (
        Orders(deployment) as orders,
        httpx2.AsyncClient(base_url=deployment.url, timeout=30, limits=httpx2.Limits(max_connections=40)) as client,
    ):
        await client.post("/auth/signup", json={"email": "ann@example.com", "password": PASSWORD})
        load = [asyncio.create_task(client_at_work(client, orders)) for _ in range(CLIENTS)]
        try:
            async with asyncio.timeout(60):
                while not kids:
                    await asyncio.sleep(0.05)
                for rotation in range(ROTATIONS):
                    rotated = await asyncio.to_thread(run, "rotate-signing-key", environment=deployment.environment)
                    assert rotated.returncode == 0, rotated.stderr
                    while len(kids) < rotation + 2:
                        await asyncio.sleep(0.05)
        finally:
            over.set()
        await asyncio.gather(*load)
    print(f"{served} calls across {ROTATIONS} rotations and {len(kids)} keys; honest tokens refused: {len(refused)}")
    assert len(kids) == ROTATIONS + 1
    assert refused == []


def header_of(raw_token: str) -> dict[str, str]:
    return claims_of("." + raw_token.split(".", 1)[0] + ".")
