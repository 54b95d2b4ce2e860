"""Eight services verify tokens while keys are rotated, and while somebody invents keys."""

import asyncio
import base64
import json
import time

import httpx2
import pytest

from tests.cli.running import run
from tests.faults.conftest import Deployment
from tests.faults.deployment import length
from tests.faults.downstream import AUDIENCE, Downstream, clients
from tests.faults.table import note
from tests.support import PASSWORD, bearer

pytestmark = pytest.mark.anyio

PROCESSES = 8
ROTATIONS = int(length(2, 3))
# Rotations that follow each other faster than this meet the SDK's limit on fetches: two a minute.
BETWEEN_SECONDS = length(0, 31)
PAUSE_SECONDS = 0.05
UNKNOWN_PER_SECOND = 1000
FLOOD_SECONDS = length(3, 30)
# Sent at once on each connection.
BATCH = 25


async def signed_in(api: httpx2.AsyncClient) -> dict:
    body = {"email": "ann@example.com", "password": PASSWORD, "audience": AUDIENCE}
    await api.post("/auth/signup", json={"email": body["email"], "password": PASSWORD})
    answer = await api.post("/auth/login", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def header_of(raw_token: str) -> dict[str, str]:
    raw = raw_token.partition(".")[0]
    return json.loads(base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4)))


class Verifying:
    """Calls every process in turn with the newest token, and notes each answer."""

    def __init__(self, services: list[httpx2.AsyncClient], tokens: dict) -> None:
        self.tokens = tokens
        self.refused: list[str] = []
        self.seconds: list[float] = []
        self._services = services

    async def forever(self) -> None:
        await asyncio.gather(*(self._at(service) for service in self._services))

    async def warm_up(self) -> None:
        """Return once every process has the keys and its usual pace."""
        while len(self.seconds) < 5 * PROCESSES:
            await asyncio.sleep(0.05)
        self.seconds.clear()
        await asyncio.sleep(length(1, 5))
        while len(self.seconds) < 5 * PROCESSES:
            await asyncio.sleep(0.05)

    async def _at(self, service: httpx2.AsyncClient) -> None:
        while True:
            started = time.monotonic()
            answer = await service.get("/orders", headers=bearer(self.tokens))
            self.seconds.append(time.monotonic() - started)
            if answer.status_code != 200:
                self.refused.append(answer.text)
            await asyncio.sleep(PAUSE_SECONDS)

    def share(self, share: float, *, after: int = 0) -> float:
        """The time in milliseconds within which that share of the later answers came."""
        times = sorted(self.seconds[after:])
        return 1000 * times[min(len(times) - 1, int(len(times) * share))]


def refused_share(verifying: Verifying) -> str:
    return f"{len(verifying.refused) / len(verifying.seconds):.2%}"


@pytest.mark.fault("F21")
async def test_a_rotation_costs_each_verifying_process_one_fetch_at_most(deployment: Deployment) -> None:
    kids: set[str] = set()
    async with (
        Downstream(deployment.url, PROCESSES) as downstream,
        clients(downstream.ports) as services,
        httpx2.AsyncClient(base_url=deployment.url, timeout=20) as api,
    ):
        verifying = Verifying(services, await signed_in(api))
        kids.add(header_of(verifying.tokens["access_token"])["kid"])
        work = asyncio.create_task(verifying.forever())
        try:
            async with asyncio.timeout(240):
                await verifying.warm_up()
                before, usual = await downstream.fetches(), verifying.share(0.99)
                counted = len(verifying.seconds)
                for rotation in range(ROTATIONS):
                    rotated = await asyncio.to_thread(run, "rotate-signing-key", environment=deployment.environment)
                    assert rotated.returncode == 0, rotated.stderr
                    while len(kids) < rotation + 2:
                        spent = {"refresh_token": verifying.tokens["refresh_token"]}
                        verifying.tokens = (await api.post("/auth/refresh", json=spent)).json()
                        kids.add(header_of(verifying.tokens["access_token"])["kid"])
                        await asyncio.sleep(0.05)
                    seen = len(verifying.seconds)
                    while len(verifying.seconds) < seen + 3 * PROCESSES:
                        await asyncio.sleep(0.05)
                    if rotation + 1 < ROTATIONS:
                        await asyncio.sleep(BETWEEN_SECONDS)
                after = await downstream.fetches()
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
    spent_on = [late - early for early, late in zip(before, after, strict=True)]
    print(
        f"F21: {len(verifying.seconds)} verified by {PROCESSES} processes across {ROTATIONS} rotations, refused "
        f"{len(verifying.refused)}, fetches of each {spent_on}, p99 {usual:.0f} ms before, "
        f"{verifying.share(0.99, after=counted):.0f} ms after"
    )
    note("F21", requests=len(verifying.seconds), lost=len(verifying.refused), errors=refused_share(verifying))
    assert before == [1] * PROCESSES
    assert verifying.refused == []
    assert len(kids) == ROTATIONS + 1
    assert max(spent_on) <= ROTATIONS


async def invent_keys(port: int, token: str, number: int, answers: list[bytes]) -> None:
    """Send tokens with keys that nobody has, BATCH at once, at this process's part of the rate."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    _, claims, signature = token.split(".")
    known = header_of(token)
    try:
        while True:
            due = time.monotonic() + BATCH * PROCESSES / UNKNOWN_PER_SECOND
            for _ in range(BATCH):
                number += PROCESSES
                header = json.dumps(known | {"kid": f"unknown-{number}"}).encode()
                forged = f"{base64.urlsafe_b64encode(header).rstrip(b'=').decode()}.{claims}.{signature}"
                writer.write(f"GET /orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {forged}\r\n\r\n".encode())
            for _ in range(BATCH):
                head = await reader.readuntil(b"\r\n\r\n")
                answers.append(head.split(b" ", 2)[1])
                length_line = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
                await reader.readexactly(int(length_line.split(b":")[1]))
            await asyncio.sleep(max(0.0, due - time.monotonic()))
    finally:
        writer.close()


@pytest.mark.fault("F22")
async def test_a_flood_of_unknown_keys_is_fetched_for_twice_a_minute_at_most(deployment: Deployment) -> None:
    answers: list[bytes] = []
    async with (
        Downstream(deployment.url, PROCESSES) as downstream,
        clients(downstream.ports) as services,
        httpx2.AsyncClient(base_url=deployment.url, timeout=20) as api,
    ):
        tokens = await signed_in(api)
        verifying = Verifying(services, tokens)
        work = asyncio.create_task(verifying.forever())
        flood: list[asyncio.Task] = []
        try:
            async with asyncio.timeout(240):
                await verifying.warm_up()
                usual, counted = verifying.share(0.99), len(verifying.seconds)
                flood = [
                    asyncio.create_task(invent_keys(port, tokens["access_token"], number, answers))
                    for number, port in enumerate(downstream.ports)
                ]
                started = time.monotonic()
                # At least one of each process, however slow the machine is.
                while time.monotonic() < started + FLOOD_SECONDS or len(answers) < BATCH * PROCESSES:
                    assert not any(task.done() for task in flood)
                    await asyncio.sleep(0.05)
                spent = time.monotonic() - started
                fetches = await downstream.fetches()
        finally:
            for task in (work, *flood):
                task.cancel()
            await asyncio.gather(work, *flood, return_exceptions=True)
    print(
        f"F22: {len(answers) / spent:.0f} unknown keys a second at {PROCESSES} processes, fetches of each {fetches}, "
        f"honest tokens refused {len(verifying.refused)}, verify p99 {usual:.1f} ms before, "
        f"{verifying.share(0.99, after=counted):.1f} ms meanwhile"
    )
    note(
        "F22",
        requests=len(answers) + len(verifying.seconds),
        lost=len(verifying.refused),
        errors=refused_share(verifying),
    )
    assert set(answers) == {b"401"}
    assert verifying.refused == []
    minutes = 1 + int(spent // 60)
    # The first of them brought the keys themselves.
    assert max(fetches) <= 2 * minutes
