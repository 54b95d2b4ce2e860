"""The settings of HTTP: how requests are served and ended, and whom our own may reach."""

from ipaddress import IPv4Network, IPv6Network
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from app.foundation.http.egress import Egress, parse_allowed


def _allowed(value: object) -> object:
    return parse_allowed(value) if isinstance(value, str) else value


class HTTPSettings(BaseModel):
    """The `HTTP__…` settings."""

    model_config = ConfigDict(frozen=True)

    drain_seconds: float | None = Field(
        default=None,
        ge=0,
        le=300,
        description=(
            "After SIGTERM a process still serves this long while /health/ready answers 503, so that the load "
            "balancer turns away first. Left out: 5 in production, 0 in development."
        ),
        examples=["5"],
    )
    shutdown_seconds: int = Field(
        default=20, ge=1, le=600, description="Requests in flight when a process stops may take this long to finish."
    )
    keep_alive_seconds: int = Field(
        default=75,
        ge=1,
        le=3600,
        description="An idle connection is closed after this long; more than the load balancer's own time.",
    )
    allow_private: tuple[Annotated[IPv4Network | IPv6Network | str, BeforeValidator(_allowed)], ...] = Field(
        default=(),
        description=(
            "What this service may call although it is not on the public internet, by http too: hosts and networks, "
            "comma-separated. Webhooks, key sets and anchors elsewhere need https and a public address. A host's name "
            "opens private and loopback addresses; link-local ones are opened by their network alone."
        ),
        examples=["hooks.internal,10.20.0.0/16"],
    )

    def egress(self) -> Egress:
        """The rules for every request that we send."""
        return Egress(
            hosts=frozenset(entry for entry in self.allow_private if isinstance(entry, str)),
            networks=[entry for entry in self.allow_private if not isinstance(entry, str)],
        )

    def drain(self, *, production: bool) -> float:
        """How long to drain, with the default that fits the environment."""
        if self.drain_seconds is not None:
            return self.drain_seconds
        return 5.0 if production else 0.0
