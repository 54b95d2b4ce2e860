"""The answer to a refresh is lost after its commit, and the client asks again."""

import asyncio

import httpx2
import pytest

from tests.faults.conftest import Deploy
from tests.faults.deployment import Deployment, length
from tests.faults.load import Load
from tests.faults.proxy import Fault, Proxy
from tests.faults.report import report

pytestmark = pytest.mark.anyio


@pytest.mark.fault("F25")
async def test_a_refresh_whose_answer_was_lost_gets_the_same_successor(deployment: Deployment) -> None:
    rounds, lost = int(length(25, 500)), 0
    with Proxy(("127.0.0.1", deployment.port)) as lossy:
        async with (
            Load(deployment.url, rate=1) as load,
            httpx2.AsyncClient(base_url=f"http://127.0.0.1:{lossy.port}", timeout=20) as client,
        ):
            token = load.ledger.chains[0]["refresh_token"]
            for _ in range(rounds):
                lossy.set(Fault.RESET)
                with pytest.raises(httpx2.TransportError):
                    await refresh(client, token)
                lost += 1
                lossy.set(Fault.PASS)
                # Two at once and one after: all three are the retry of one client.
                answers = await asyncio.gather(refresh(client, token), refresh(client, token))
                answers.append(await refresh(client, token))
                for answer in answers:
                    assert answer.status_code == 200, answer.text
                    load.ledger.rotated(0, token, answer.json())
                token = answers[0].json()["refresh_token"]
            found = await report(f"F25 ({lost} answers lost)", load, deployment)
    assert (found.lost, found.doubled, found.half) == (0, 0, {})


@pytest.mark.fault("F25")
@pytest.mark.parametrize("fault", [Fault.RESET, Fault.TRUNCATE])
async def test_a_commit_whose_answer_the_service_itself_lost_is_no_reuse(
    deploy: Deploy, proxy: Proxy, fault: Fault
) -> None:
    deployment = await deploy(through=proxy)
    async with Load(deployment.url, rate=1) as load:
        token = load.ledger.chains[0]["refresh_token"]
        for _ in range(int(length(10, 100))):
            proxy.set(fault)
            answer = await refresh(load.client, token)
            assert answer.status_code == 503, answer.text
            proxy.set(Fault.PASS)
            answer = await refresh(load.client, token)
            assert answer.status_code == 200, answer.text
            load.ledger.rotated(0, token, answer.json())
            token = answer.json()["refresh_token"]
        found = await report(f"F25 ({fault} before the database)", load, deployment)
    assert (found.lost, found.doubled, found.half) == (0, 0, {})
    assert deployment.unexpected() == []


async def refresh(client: httpx2.AsyncClient, token: str) -> httpx2.Response:
    return await client.post("/auth/refresh", json={"refresh_token": token})
