"""What an operator sees of the feed."""

import asyncio

import httpx2
import pytest

from app.foundation.metrics import REGISTRY
from app.revocation.pending import oldest_waiting, sample_feed
from app.wiring import Services
from tests.revocation.conftest import Node, revoke, until

pytestmark = pytest.mark.anyio


def shown(name: str) -> float | None:
    return REGISTRY.get_sample_value(f"auth_service_{name}")


async def test_a_process_that_hears_of_no_revocations_any_more_is_degraded(
    services: Services, api: httpx2.AsyncClient
) -> None:
    running = asyncio.create_task(services.feed.run())
    await until(lambda: services.follower.age_seconds is not None)
    assert "revocations" not in (await api.get("/health/ready")).json()["degraded"]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    async def degraded() -> bool:
        answer = await api.get("/health/ready")
        assert answer.status_code == 200
        return "revocations" in answer.json()["degraded"]

    await until(degraded)


async def test_metrics_tell_what_waits_for_a_publisher(services: Services) -> None:
    await revoke(services, "a")
    unnumbered, unchained = await oldest_waiting(services.db, services.clock)
    assert unnumbered > 0
    assert unchained > 0
    await sample_feed(services.db, services.clock, services.follower)
    assert (shown("revocations_oldest_unnumbered_seconds") or 0) >= unnumbered
    async with Node(services).running() as node:

        async def all_done() -> bool:
            return await oldest_waiting(services.db, services.clock) == (0.0, 0.0)

        await until(all_done)
        await sample_feed(services.db, services.clock, node.follower)
    assert shown("revocations_oldest_unnumbered_seconds") == 0
    assert shown("audit_oldest_unchained_seconds") == 0
    assert (shown("revocation_follower_age_seconds") or 0) >= 0
