"""The answer to an administrator's POST is lost after its commit, and the client sends it again with its key."""

import asyncio
from uuid import uuid4

import asyncpg
import httpx2
import pytest

from tests.cli.running import run
from tests.faults.conftest import Deploy
from tests.faults.deployment import Deployment, length
from tests.faults.proxy import Fault, Proxy

pytestmark = pytest.mark.anyio

CLIENTS = "/admin/oauth-clients"
PASSWORD = "correct horse battery staple"
# An access token lives long enough for so many rounds.
ROUNDS_OF_A_TOKEN = 100


@pytest.mark.fault("F25")
async def test_a_post_whose_answer_was_lost_gets_the_same_answer_and_is_done_once(deployment: Deployment) -> None:
    rounds = int(length(25, 500))
    make_administrator(deployment)
    with Proxy(("127.0.0.1", deployment.port)) as lossy:
        async with (
            httpx2.AsyncClient(base_url=deployment.url, timeout=20) as steady,
            httpx2.AsyncClient(base_url=f"http://127.0.0.1:{lossy.port}", timeout=20) as client,
        ):
            headers: dict[str, str] = {}
            for turn in range(rounds):
                if turn % ROUNDS_OF_A_TOKEN == 0:
                    headers = await signed_in(steady)
                keyed = headers | {"Idempotency-Key": str(uuid4())}
                body = {"name": f"client-{turn}"}
                lossy.set(Fault.RESET)
                with pytest.raises(httpx2.TransportError):
                    await client.post(CLIENTS, json=body, headers=keyed)
                lossy.set(Fault.PASS)
                # Two at once and one after: all three are the retry of one client.
                answers = await asyncio.gather(again(client, body, keyed), again(client, body, keyed))
                answers.append(await again(client, body, keyed))
                assert len({answer.content for answer in answers}) == 1
                assert answers[0].json()["client_secret"]
    assert await made(deployment) == [f"client-{turn}" for turn in range(rounds)]
    assert deployment.unexpected() == []


@pytest.mark.fault("F25")
@pytest.mark.parametrize("fault", [Fault.RESET, Fault.TRUNCATE])
async def test_a_commit_whose_answer_the_service_itself_lost_is_not_done_twice(
    deploy: Deploy, proxy: Proxy, fault: Fault
) -> None:
    deployment, rounds = await deploy(through=proxy), int(length(10, 100))
    make_administrator(deployment)
    async with httpx2.AsyncClient(base_url=deployment.url, timeout=20) as client:
        headers = await signed_in(client)
        for turn in range(rounds):
            keyed, body = headers | {"Idempotency-Key": str(uuid4())}, {"name": f"client-{turn}"}
            # From before it, or in the middle: wherever the database is lost, the claim goes with the change.
            first = asyncio.create_task(client.post(CLIENTS, json=body, headers=keyed))
            await asyncio.sleep(0.004 * (turn % 10))
            proxy.set(fault)
            answer = await first
            assert answer.status_code in {201, 503}, answer.text
            proxy.set(Fault.PASS)
            kept = await again(client, body, keyed)
            assert answer.status_code == 503 or kept.content == answer.content
    assert await made(deployment) == [f"client-{turn}" for turn in range(rounds)]
    assert deployment.unexpected() == []


def make_administrator(deployment: Deployment) -> None:
    ran = run(
        "create-admin",
        "--email",
        "root@example.com",
        "--password-stdin",
        environment=deployment.environment,
        input=PASSWORD,
    )
    assert ran.returncode == 0, ran.stderr


async def signed_in(client: httpx2.AsyncClient) -> dict[str, str]:
    answer = await client.post("/auth/login", json={"email": "root@example.com", "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


async def again(client: httpx2.AsyncClient, body: dict[str, str], headers: dict[str, str]) -> httpx2.Response:
    """The answer, once the first request has ended and the database is back."""
    async with asyncio.timeout(60):
        while True:
            answer = await client.post(CLIENTS, json=body, headers=headers)
            if answer.status_code not in {409, 503}:
                assert answer.status_code == 201, answer.text
                return answer
            await asyncio.sleep(0.02)


async def made(deployment: Deployment) -> list[str]:
    connection = await asyncpg.connect(deployment.database)
    try:
        rows = await connection.fetch("SELECT name FROM oauth_clients WHERE name LIKE 'client-%' ORDER BY id")
    finally:
        await connection.close()
    return [row["name"] for row in rows]
