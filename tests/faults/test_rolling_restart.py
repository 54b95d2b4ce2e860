"""Several services behind a real proxy: their restart one after the other, under load, is noticed by nobody."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest

from tests.cli.running import free_ports
from tests.faults.conftest import Platform
from tests.faults.deployment import Deployment, dsn, length
from tests.faults.load import Load
from tests.faults.proxies import FrontProxy, HAProxy, Nginx, wait_until
from tests.faults.report import report
from tests.support import PASSWORD, bearer

pytestmark = pytest.mark.anyio

SERVICES = int(length(2, 3))
# Of each service: its listening socket is shared by them.
WORKERS = int(length(1, 2))
DRAIN_SECONDS = "3"
PROXIES = {"nginx": Nginx, "haproxy": HAProxy}


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


async def behind(kind: type[FrontProxy], platform: Platform, folder: Path, stack: ExitStack) -> tuple[FrontProxy, list]:
    """A proxy and its services, all of them ready."""
    first, url = free_ports(SERVICES + 1), await platform.database()
    proxy = kind(folder / "proxy", first, [first + number for number in range(1, SERVICES + 1)])
    # Before anything starts: where the program is missing, the test ends here.
    proxy.command()
    changes = {
        "PUBLIC_URL": proxy.url,
        "TRUSTED_PROXIES": "127.0.0.1/32",
        "HTTP__DRAIN_SECONDS": DRAIN_SECONDS,
        "DATABASE__POOL_SIZE": "4",
    }
    services = []
    for port in proxy.backends:
        log = folder / f"service-{port}.log"
        environment = platform.environment(url, port, changes)
        service = Deployment(environment, port, log, workers=WORKERS, database=dsn(url))
        stack.callback(service.stop)
        service.start()
        services.append(service)
    stack.enter_context(proxy)
    async with httpx2.AsyncClient(base_url=proxy.url, verify=proxy.trust) as client, asyncio.timeout(60):
        while not await answers(client):
            proxy.check_lives()
            await asyncio.sleep(0.05)
    return proxy, services


async def answers(client: httpx2.AsyncClient) -> bool:
    try:
        return (await client.get("/health/ready")).status_code == 200
    except httpx2.TransportError:
        return False


def served(service: Deployment) -> int:
    """How many requests of people a service has answered; health checks are not in the log's count."""
    return sum('"/auth/' in line for line in service.log().splitlines())


@pytest.mark.fault("F2")
@pytest.mark.parametrize("kind", PROXIES.values(), ids=PROXIES)
async def test_a_rolling_restart_behind_a_proxy_refuses_nobody(
    kind: type[FrontProxy], platform: Platform, tmp_path: Path, stack: ExitStack
) -> None:
    proxy, services = await behind(kind, platform, tmp_path, stack)
    assert await address_of_a_client(proxy) == "127.0.0.2"
    # Each request on a connection of its own: one that is kept may be closed by a proxy that reloads.
    load = Load(proxy.url, rate=length(15, 50), keeps_connections=False, verify=proxy.trust)
    async with load:
        async with load.running():
            await asyncio.to_thread(restart_each, proxy, services)
            await asyncio.sleep(length(0.5, 5))
        found = await report(f"F2 behind {kind.__name__}", load, services[0])
    assert [sample for sample in load.samples if not sample.ok] == []
    assert (found.lost, found.doubled, found.half) == (0, 0, {})
    assert [line for service in services for line in service.unexpected()] == []


def restart_each(proxy: FrontProxy, services: list[Deployment]) -> None:
    """The steps of docs/operations.md; the next one goes when the one before serves again."""
    for service in services:
        proxy.leave_out(service.port)
        service.end(signal.SIGTERM)
        service.start()
        proxy.take_back(service.port)
        before = served(service)
        wait_until(lambda service=service, before=before: served(service) > before)


async def address_of_a_client(proxy: FrontProxy) -> str:
    """The address by which the service knows somebody who writes another one into the header."""
    transport = httpx2.AsyncHTTPTransport(local_address="127.0.0.2", verify=proxy.trust)
    forged = {"X-Forwarded-For": "203.0.113.9"}
    async with httpx2.AsyncClient(base_url=proxy.url, transport=transport, headers=forged, timeout=20) as client:
        body = {"email": "ann@example.com", "password": PASSWORD}
        assert (await client.post("/auth/signup", json=body)).status_code == 201
        tokens = (await client.post("/auth/login", json=body)).json()
        (session,) = (await client.get("/auth/sessions", headers=bearer(tokens))).json()["items"]
    return session["ip"]
