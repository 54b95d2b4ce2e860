"""Browsers: clients that keep cookies, on plain http in development and as over TLS in production's names."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from app.foundation.engines.lock import Engines
from app.main import create_app
from app.wiring import Services, build
from tests.browser_transport.browser import Browser
from tests.conftest import settings_for
from tests.support import ISSUER, People

SECURE_ISSUER = "https://auth.example.com"


@pytest.fixture
async def browser(services: Services, api: httpx2.AsyncClient, people: People) -> AsyncIterator[Browser]:
    """A browser on our own page in development; ann@example.com has an account."""
    await people.sign_up()
    async with opened(services, ISSUER) as client:
        yield Browser(client, ISSUER)


@pytest.fixture
async def secure(database_url: str, engines: Engines) -> AsyncIterator[Browser]:
    """The same where the public URL is https."""
    services = build(settings_for(database_url, engines, public_url=SECURE_ISSUER))
    await services.open()
    async with opened(services, SECURE_ISSUER) as client:
        await People(client).sign_up()
        yield Browser(client, SECURE_ISSUER)
    await services.close()


def opened(services: Services, base_url: str) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(create_app(services=services)), base_url=base_url)
