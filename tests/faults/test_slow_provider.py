"""F17: hundreds sign in at once by a provider that answers in three seconds, beside people with passwords."""

import asyncio
import contextlib
import json
import time
from collections import Counter
from uuid import uuid4

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import Response

from tests.faults.conftest import Deploy
from tests.faults.deployment import FULL
from tests.faults.table import note
from tests.federation.oidc.provider import Provider, serving
from tests.support import PASSWORD

pytestmark = [pytest.mark.anyio, pytest.mark.fault("F17")]

SIGN_INS = 300 if FULL else 40
SLOW_SECONDS = 3.0
LOGINS = 30 if FULL else 8
BODY = {"email": "sal@example.com", "password": PASSWORD}


async def test_a_crowd_at_a_slow_provider_leaves_passwords_and_health_alone(deploy: Deploy):
    async with serving(Provider()) as provider:
        declared = [
            {
                "id": "slow",
                "name": "Slow",
                "config": {"issuer": provider.issuer, "client_id": provider.client_id},
                "secret": provider.client_secret,
            }
        ]
        deployment = await deploy(
            IDENTITY_PROVIDERS__DECLARED=json.dumps(declared),
            HTTP__ALLOW_PRIVATE="localhost",
            LIMITS__FEDERATED_STARTS_PER_ADDRESS="1000",
        )
        limits = httpx2.Limits(max_connections=SIGN_INS + 50, max_keepalive_connections=0)
        async with httpx2.AsyncClient(base_url=deployment.url, timeout=60, limits=limits, trust_env=False) as client:
            assert (await client.post("/auth/signup", json=BODY)).status_code == 201
            people = [await depart(client, provider, number) for number in range(SIGN_INS)]
            # The first one warms what is kept of a provider.
            assert (await arrive(client, people.pop()))[0] == 303

            async def slowly(request: Request) -> Response:
                await request.body()
                await asyncio.sleep(SLOW_SECONDS)
                # Each of them is somebody else.
                name = uuid4().hex
                provider.person = {**provider.person, "sub": name, "email": f"{name}@corp.example"}
                return await provider._token(request)

            provider.answers["/token"] = slowly
            alone = await log_in(client)
            crowd = asyncio.gather(*(arrive(client, one) for one in people))
            health = asyncio.create_task(look(client))
            beside = await log_in(client)
            outcomes = await crowd
            health.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await health
        statuses = Counter(status for status, _ in outcomes)
        pages = sorted(seconds for _, seconds in outcomes)
        ratio = beside[-1] / alone[-1]
        print(
            f"F17 {SIGN_INS} sign-ins at once, a provider of {SLOW_SECONDS:g} s: {dict(statuses)}, slowest page "
            f"{pages[-1]:.1f} s; password sign-ins p50 {beside[len(beside) // 2] * 1000:.0f} ms beside "
            f"{alone[len(alone) // 2] * 1000:.0f} ms alone, slowest {ratio:.2f}x"
        )
        note(
            f"F17 {SIGN_INS} at a slow provider", requests=SIGN_INS, errors=statuses[503], first_success=f"{ratio:.2f}x"
        )
        assert set(statuses) <= {303, 503}
        assert statuses[303] > 0
        assert deployment.unexpected() == []
        # Nobody with a password waited for the provider.
        assert beside[len(beside) // 2] < SLOW_SECONDS


async def depart(client: httpx2.AsyncClient, provider: Provider, number: int) -> tuple[str, str]:
    """Begin in a browser of its own; where it comes back to, and its cookie."""
    answer = await client.get("/auth/oauth/slow/start")
    assert answer.status_code == 303, answer.text
    client.cookies.clear()
    cookie = "; ".join(one.partition(";")[0] for one in answer.headers.get_list("set-cookie"))
    async with httpx2.AsyncClient() as foreign:
        back = await foreign.get(answer.headers["location"])
    return back.headers["location"], cookie


async def arrive(client: httpx2.AsyncClient, person: tuple[str, str]) -> tuple[int, float]:
    url, cookie = person
    begun = time.monotonic()
    answer = await client.get(url, headers={"Cookie": cookie, "Accept": "text/html"})
    return answer.status_code, time.monotonic() - begun


async def log_in(client: httpx2.AsyncClient) -> list[float]:
    """Sign in by password, one after the other; how long each took, in order."""
    took = []
    for _ in range(LOGINS):
        begun = time.monotonic()
        answer = await client.post("/auth/login", json=BODY, headers={"Cookie": ""})
        took.append(time.monotonic() - begun)
        assert answer.status_code == 200, answer.text
    return sorted(took)


async def look(client: httpx2.AsyncClient) -> None:
    while True:
        for path in ("/health/live", "/health/ready"):
            assert (await client.get(path)).status_code == 200
        await asyncio.sleep(0.1)
