"""The clock of a host is wrong: its web process says so and is not ready, and issues nothing of another time."""

import time

import httpx2
import pytest

from tests.faults.conftest import Deploy
from tests.faults.deployment import FULL
from tests.faults.table import note
from tests.support import PASSWORD, bearer, claims_of
from tests.system import fake_time

pytestmark = pytest.mark.anyio

# Beyond ten seconds, either way; and one that is only warned of.
FAR = (300, -300, 11, -11) if FULL else (300,)
NEAR_SECONDS = 3
WARNING = "seconds off the database's"
BODY = {"email": "ann@example.com", "password": PASSWORD}


def at(seconds: int) -> dict[str, str]:
    """The environment of a process whose wall clock is so much ahead."""
    return {"LD_PRELOAD": fake_time(), "FAKETIME": f"{seconds:+d}", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


async def minted(client: httpx2.AsyncClient) -> tuple[int, int]:
    """When a token says that it was issued, and the true time of before: both in whole seconds."""
    assert (await client.post("/auth/signup", json=BODY)).status_code == 201
    before = int(time.time())
    answer = await client.post("/auth/login", json=BODY)
    assert answer.status_code == 200, answer.text
    assert (await client.get("/auth/validate", headers=bearer(answer.json()))).status_code == 200
    return claims_of(answer.json()["access_token"])["iat"], before


@pytest.mark.fault("F15")
async def test_a_host_whose_clock_is_off_is_not_ready_and_its_tokens_bear_the_true_time(deploy: Deploy) -> None:
    off: list[int] = []
    for seconds in FAR:
        deployment = await deploy(health=503, **at(seconds))
        async with httpx2.AsyncClient(base_url=deployment.url, timeout=30) as client:
            refused = await client.get("/health/ready")
            assert (refused.status_code, refused.json()["failing"]) == (503, ["clock"])
            # Who comes all the same, past a balancer that does not look, gets a token of the database's time.
            issued_at, before = await minted(client)
        assert WARNING in deployment.log()
        off.append(issued_at - before)
        assert before <= issued_at <= int(time.time())
        deployment.stop()
    near = await deploy(**at(NEAR_SECONDS))
    async with httpx2.AsyncClient(base_url=near.url, timeout=30) as client:
        issued_at, before = await minted(client)
    assert before <= issued_at <= int(time.time())
    assert WARNING in near.log()
    print(f"F15: clocks {FAR} s off: not ready; {NEAR_SECONDS} s: warned; 0 of {len(off) + 1} tokens of another time")
    note("F15", requests=4 * (len(FAR) + 1), lost=0, doubled=0)
