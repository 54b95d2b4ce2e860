"""The connector in a test: whole sign-ins at a provider, and what a refusal of one looks like."""

import contextlib
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from app.federation.connector import (
    Asked,
    Connection,
    ConnectorKind,
    FederatedIdentity,
    Policy,
    Refusal,
    SignInRefused,
)
from app.federation.oidc.connector import OIDCConnector
from app.federation.oidc.reach import Reach
from app.foundation.clock import Clock
from app.foundation.http.egress import Egress
from app.foundation.http.outbound import Outbound
from app.protocols.trace import Trace
from tests.federation.oidc.provider import Provider

CALLBACK = "http://localhost:8000/auth/oauth/corp/callback"


@dataclass
class RelyingParty:
    """The connector, and time as it sees it."""

    connector: OIDCConnector
    clock: Clock
    passed: list[float] = field(default_factory=lambda: [1000.0])
    trace: Trace = field(default_factory=Trace)

    def later(self, seconds: float) -> None:
        self.passed[0] += seconds

    async def sign_in(
        self,
        provider: Provider,
        connection: Connection | None = None,
        *,
        forged: Callable[[dict[str, str]], dict[str, str]] = dict,
        **asked: Any,
    ) -> FederatedIdentity:
        """One whole sign-in: there, back, judged. What the browser brings may be `forged` on the way."""
        connection = connection or connection_to(provider)
        departure = await self.connector.begin(connection, Asked(state="state-of-the-flow", **asked))
        answer = await provider.visit(departure.url)
        self.trace = Trace()
        return await self.connector.complete(connection, departure.kept, forged(answer), self.trace)

    async def refused(self, provider: Provider, refusal: Refusal, check: str, **more: Any) -> str:
        """A sign-in that is refused by that check; returns what the check received."""
        self.trace = Trace()
        with pytest.raises(SignInRefused) as refused:
            await self.sign_in(provider, **more)
        failed = self.trace.failed
        assert failed is not None, f"no check failed: {refused.value}"
        assert (refused.value.refusal, failed.name) == (refusal, check), (refused.value, failed)
        assert failed.expected
        assert failed.received
        return failed.received


def connection_to(
    provider: Provider, *, preset: str | None = None, policy: Policy | None = None, **config: Any
) -> Connection:
    """A connection as an administrator would make it."""
    return Connection(
        id="corp",
        name="Corp",
        kind=ConnectorKind.OIDC,
        preset=preset,
        config={"client_id": provider.client_id, **({"issuer": provider.issuer} if preset is None else {}), **config},
        secret=provider.client_secret,
        policy=policy or Policy(),
        version=1,
        callback_url=CALLBACK,
    )


def outbound(*hosts: str) -> Outbound:
    return Outbound(Egress(hosts=frozenset(hosts)))


@contextlib.asynccontextmanager
async def relying_party() -> AsyncGenerator[RelyingParty, None]:
    """The connector; HTTP__ALLOW_PRIVATE names localhost."""
    allowed, clock, passed = outbound("localhost"), Clock(), [1000.0]
    reach = Reach(allowed, in_settings=outbound("localhost"), public=outbound())
    connector = OIDCConnector(reach, clock, monotonic=lambda: passed[0])
    try:
        yield RelyingParty(connector, clock, passed)
    finally:
        await connector.close()
        await allowed.close()
