"""A connector for the registry's own tests: it knows one member, and finds what a test wants it to find."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.federation.connector import (
    Asked,
    Connection,
    ConnectorKind,
    Departure,
    FederatedIdentity,
    InvalidConfiguration,
)
from app.protocols.trace import Trace


class PaperConnector:
    """Its provider is a sheet of paper: `client_id` must be there, and the test finds whether a secret is."""

    kinds: Sequence[ConnectorKind] = (ConnectorKind.OIDC, ConnectorKind.SAML)

    def check(self, kind: ConnectorKind, preset: str | None, config: Mapping[str, Any]) -> Mapping[str, Any]:
        if preset not in {None, "google", "keycloak"}:
            raise InvalidConfiguration("preset", "There is no such preset.")
        if not isinstance(config.get("client_id"), str):
            raise InvalidConfiguration("client_id", "Missing.")
        if "a/b" in config:
            raise InvalidConfiguration("a/b", "Not a member here.")
        return {"scopes": ["openid"], **config}

    async def begin(self, connection: Connection, asked: Asked) -> Departure:
        return Departure(url=f"https://paper.example/?state={asked.state}")

    async def complete(
        self, connection: Connection, kept: Mapping[str, Any], answer: Mapping[str, str], trace: Trace
    ) -> FederatedIdentity:
        return FederatedIdentity(connection_id=connection.id, issuer="https://paper.example", subject=answer["sub"])

    async def test(self, connection: Connection) -> Trace:
        trace = Trace()
        trace.check("discovery document", True, expected="an answer", received="an answer")
        trace.check("secret", connection.secret == "right", expected="the secret of the client")
        return trace
