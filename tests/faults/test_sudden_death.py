"""kill -9 of the service under load: whatever was acknowledged is still there after a restart."""

import asyncio
import signal

import httpx2
import pytest

from tests.faults.conftest import Deployment
from tests.support import PASSWORD, bearer

pytestmark = pytest.mark.anyio

PEOPLE = 5
LOGINS = 100
CHAINS = 100
# Acknowledgements of each kind before the kill.
KILL_AFTER = 60


class Ledger:
    """What clients were told has happened."""

    def __init__(self) -> None:
        self.logins: list[dict[str, str]] = []
        self.refreshed: dict[int, dict[str, str]] = {}
        self.refreshes = 0
        self.enough = asyncio.Event()

    def note(self) -> None:
        if min(len(self.logins), self.refreshes) >= KILL_AFTER:
            self.enough.set()


def email(number: int) -> str:
    return f"person{number % PEOPLE}@example.com"


async def ask(client: httpx2.AsyncClient, path: str, body: dict[str, str]) -> dict[str, str]:
    """Ask until it is done: two hundred at once are more than the pools hold, and 503 acknowledges nothing."""
    while True:
        answer = await client.post(path, json=body)
        if answer.status_code != 503:
            assert answer.status_code == 200, answer.text
            return answer.json()
        assert answer.headers["retry-after"]


async def log_in(client: httpx2.AsyncClient, number: int) -> dict[str, str]:
    return await ask(client, "/auth/login", {"email": email(number), "password": PASSWORD, "audience": "orders-api"})


async def keep_logging_in(client: httpx2.AsyncClient, number: int, ledger: Ledger) -> None:
    while True:
        ledger.logins.append(await log_in(client, number))
        ledger.note()


async def keep_refreshing(client: httpx2.AsyncClient, number: int, ledger: Ledger) -> None:
    while True:
        token = ledger.refreshed[number]["refresh_token"]
        ledger.refreshed[number] = await ask(client, "/auth/refresh", {"refresh_token": token})
        ledger.refreshes += 1
        ledger.note()


@pytest.mark.fault("F1")
async def test_no_acknowledged_sign_in_or_refresh_is_lost_by_kill_9(deployment: Deployment) -> None:
    ledger = Ledger()
    limits = httpx2.Limits(max_connections=LOGINS + CHAINS)
    async with httpx2.AsyncClient(base_url=deployment.url, timeout=60, limits=limits) as client:
        for number in range(PEOPLE):
            body = {"email": email(number), "password": PASSWORD}
            assert (await client.post("/auth/signup", json=body)).status_code == 201
        for number in range(CHAINS):
            ledger.refreshed[number] = await log_in(client, number)
        load = [asyncio.create_task(keep_logging_in(client, number, ledger)) for number in range(LOGINS)]
        load += [asyncio.create_task(keep_refreshing(client, number, ledger)) for number in range(CHAINS)]
        await asyncio.wait_for(ledger.enough.wait(), 60)
        await asyncio.to_thread(deployment.end, signal.SIGKILL)
        ended = await asyncio.gather(*load, return_exceptions=True)
    assert [error for error in ended if not isinstance(error, httpx2.TransportError)] == []

    await asyncio.to_thread(deployment.start)
    lost = 0
    async with httpx2.AsyncClient(base_url=deployment.url, timeout=60) as client:
        for tokens in ledger.logins + list(ledger.refreshed.values()):
            lost += (await client.get("/auth/validate", headers=bearer(tokens))).status_code != 200
        for tokens in ledger.refreshed.values():
            answer = await client.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
            lost += answer.status_code != 200
    print(f"acknowledged: {len(ledger.logins)} sign-ins, {ledger.refreshes} refreshes; lost: {lost}")
    assert lost == 0
