"""The connector for OpenID Connect and for plain OAuth 2.0."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any

from app.federation.connector import (
    Asked,
    Connection,
    ConnectorKind,
    Departure,
    FederatedIdentity,
    Refusal,
    SignInRefused,
    UpstreamLogout,
)
from app.federation.oidc.code_flow import CodeFlow, code_in
from app.federation.oidc.departure import depart, depart_plainly
from app.federation.oidc.documents import Documents
from app.federation.oidc.examine import Examination
from app.federation.oidc.logout import UpstreamLogouts
from app.federation.oidc.plain import PlainSignIn
from app.federation.oidc.plain_setup import PLAIN_PRESETS, read_plain
from app.federation.oidc.reach import Named, Reach
from app.federation.oidc.setup import PRESETS, read_oidc
from app.federation.oidc.tokens import Signatures
from app.foundation.clock import Clock
from app.protocols.trace import Trace

SIGN_IN_SECONDS = 4.5
"""For all that is asked of a provider in one step of a sign-in: the person sees a page within five."""


class OIDCConnector:
    """Signs people in by OpenID Connect (kind `oidc`) and by plain OAuth 2.0 (kind `oauth2`)."""

    def __init__(self, reach: Reach, clock: Clock, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._reach = reach
        self._clock = clock
        self._documents = Documents(reach, monotonic=monotonic)
        self._signatures = Signatures(self._documents)
        self._code_flow = CodeFlow(reach, self._documents, self._signatures, clock)
        self._plain = PlainSignIn(reach, clock)
        self._logouts = UpstreamLogouts(self._code_flow, self._signatures, clock)
        self._examination = Examination(reach, self._documents, clock)

    @property
    def kinds(self) -> Sequence[ConnectorKind]:
        """Both of them."""
        return (ConnectorKind.OIDC, ConnectorKind.OAUTH2)

    @property
    def presets(self) -> Mapping[ConnectorKind, Sequence[str]]:
        """The providers whose peculiarities it knows."""
        return {ConnectorKind.OIDC: tuple(PRESETS), ConnectorKind.OAUTH2: tuple(PLAIN_PRESETS)}

    async def close(self) -> None:
        """Let go of connections to providers."""
        await self._reach.close()

    def check(self, kind: ConnectorKind, preset: str | None, config: Mapping[str, Any]) -> Mapping[str, Any]:
        """The configuration with its scopes filled in. Raises InvalidConfiguration."""
        if kind is ConnectorKind.OAUTH2:
            return {**config, "scopes": list(read_plain(preset, config).scopes)}
        setup = read_oidc(preset, config)
        return {**config, "scopes": list(setup.scopes), "userinfo": setup.userinfo.value}

    async def begin(self, connection: Connection, asked: Asked) -> Departure:
        """Where the browser goes. Raises SignInRefused."""
        if connection.kind is ConnectorKind.OAUTH2:
            return depart_plainly(connection, read_plain(connection.preset, connection.config), asked)
        setup = read_oidc(connection.preset, connection.config)
        named = Named(setup.hosts, connection.from_settings)
        metadata = await self._code_flow.metadata(setup, named, Trace())
        return depart(connection, setup, metadata, asked, now=self._clock.now())

    async def complete(
        self, connection: Connection, kept: Mapping[str, Any], answer: Mapping[str, str], trace: Trace
    ) -> FederatedIdentity:
        """Judge what the browser brought back, within SIGN_IN_SECONDS. Raises SignInRefused."""
        async with _in_time(trace):
            return await self._complete(connection, kept, answer, trace)

    async def test(self, connection: Connection) -> Trace:
        """Ask the provider for all that a sign-in would need, and explain each fault in words."""
        return await self._examination.of(connection)

    async def logged_out(self, connection: Connection, raw_token: str, trace: Trace | None = None) -> UpstreamLogout:
        """Whose session at the provider is over, by its logout token. Raises SignInRefused."""
        trace = trace or Trace()
        if connection.kind is not ConnectorKind.OIDC:
            raise SignInRefused(Refusal.BROKEN, "a plain OAuth 2.0 provider has no logout tokens")
        async with _in_time(trace):
            return await self._logouts.verified(connection, raw_token, trace)

    async def _complete(
        self, connection: Connection, kept: Mapping[str, Any], answer: Mapping[str, str], trace: Trace
    ) -> FederatedIdentity:
        if connection.kind is ConnectorKind.OIDC:
            setup = read_oidc(connection.preset, connection.config)
            return await self._code_flow.complete(connection, setup, kept, answer, trace)
        plain = read_plain(connection.preset, connection.config)
        return await self._plain.complete(connection, plain, kept, code_in(answer, trace), trace)


@contextlib.asynccontextmanager
async def _in_time(trace: Trace) -> AsyncGenerator[None, None]:
    try:
        async with asyncio.timeout(SIGN_IN_SECONDS):
            yield
    except TimeoutError as error:
        within = f"within {SIGN_IN_SECONDS:g} seconds"
        trace.check("time", passed=False, expected=f"all answers {within}", received="not all of them")
        raise SignInRefused(Refusal.UNREACHABLE, f"the provider did not answer {within}") from error
