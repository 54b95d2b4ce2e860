"""A key that somebody else may have: rotated and revoked at once, refused by every process within a second."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest

from app.audit.event import SYSTEM
from app.main import create_app
from app.services import startup_origin
from app.settings import Settings
from app.wiring import Services, build
from tests.revocation.conftest import until
from tests.support import ISSUER, People, bearer, claims_of

pytestmark = pytest.mark.anyio

_logger = logging.getLogger(__name__)


@asynccontextmanager
async def process(settings: Settings) -> AsyncIterator[tuple[Services, httpx2.AsyncClient]]:
    """Another process of the deployment, with what runs beside its requests."""
    services = build(settings)
    await services.open()
    beside = [asyncio.create_task(work()) for work in (services.feed.run, services.wake.hear, services.keys.poll)]
    transport = httpx2.ASGITransport(create_app(services=services))
    async with httpx2.AsyncClient(transport=transport, base_url=ISSUER) as client:
        yield services, client
    for task in beside:
        task.cancel()
    await asyncio.gather(*beside, return_exceptions=True)
    await services.close()


@pytest.mark.attack("KEY-02")
async def test_tokens_of_a_revoked_key_are_refused_by_every_process(settings: Settings) -> None:
    async with process(settings) as (one, api), process(settings) as (_, other):
        tokens = await People(api).signed_in()
        assert (await other.get("/auth/validate", headers=bearer(tokens))).status_code == 200
        (active,) = [key for key in await one.keys.list_all() if key.state == "active"]
        await one.key_withdrawal.revoke(active.kid, actor=SYSTEM, origin=startup_origin())
        revoked_at = time.monotonic()

        async def refused() -> bool:
            return (await other.get("/auth/validate", headers=bearer(tokens))).status_code == 401

        await until(refused)
        _logger.warning("refused by another process after %.0f ms", 1000 * (time.monotonic() - revoked_at))
        # Nobody has to sign in again: the session lives, and the next key signs.
        answer = await api.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
        assert answer.status_code == 200
        assert (await other.get("/auth/validate", headers=bearer(answer.json()))).status_code == 200


@pytest.mark.attack("KEY-02")
async def test_two_rotations_within_one_cache_time_refuse_nobody(settings: Settings) -> None:
    async with process(settings) as (one, api), process(settings) as (_, other):
        tokens = [await People(api).signed_in()]
        for _ in range(2):
            await one.keys.rotate(longest_token_seconds=600, actor=SYSTEM, origin=startup_origin())
            tokens.append(await People(api).log_in())
        assert len({claims_of(each["access_token"])["sid"] for each in tokens}) == 3
        for each in tokens:
            for client in (api, other):
                assert (await client.get("/auth/validate", headers=bearer(each))).status_code == 200
