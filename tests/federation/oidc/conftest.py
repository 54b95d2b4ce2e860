"""A provider to sign in at, and the connector."""

from collections.abc import AsyncIterator, Sequence
from ipaddress import ip_address
from typing import Any

import pytest

from app.federation.oidc.connector import OIDCConnector
from app.federation.oidc.reach import Reach
from app.foundation.clock import Clock
from app.foundation.http.addresses import IPAddress
from app.foundation.http.egress import Egress
from app.foundation.http.outbound import Outbound
from tests.federation.oidc.provider import Provider, new_key, serving
from tests.federation.oidc.relying_party import RelyingParty, outbound, relying_party


@pytest.fixture(scope="session")
def provider_key() -> Any:
    """Made once: a key takes longer than a sign-in."""
    return new_key()


@pytest.fixture
async def provider(provider_key: Any) -> AsyncIterator[Provider]:
    """A well-behaved provider."""
    async with serving(Provider(key=provider_key)) as provider:
        yield provider


@pytest.fixture
async def rp() -> AsyncIterator[RelyingParty]:
    """The connector; HTTP__ALLOW_PRIVATE names localhost."""
    async with relying_party() as rp:
        yield rp


@pytest.fixture
async def rebinding() -> AsyncIterator[OIDCConnector]:
    """A connector for which every public name leads to this machine."""

    async def here(_: str) -> Sequence[IPAddress]:
        return [ip_address("127.0.0.1")]

    allowed, public = outbound("localhost"), Outbound(Egress(resolver=here))
    connector = OIDCConnector(Reach(allowed, in_settings=outbound(), public=public), Clock())
    yield connector
    await connector.close()
    await allowed.close()
