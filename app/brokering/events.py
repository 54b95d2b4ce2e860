"""What happens at federated sign-ins. The session that follows is `session.created`."""

from dataclasses import dataclass
from typing import ClassVar

from app.audit.event import Event, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class FederatedSignIn(Event):
    """A provider vouched for a user. A second factor may still be asked for."""

    type: ClassVar[str] = "user.federated_sign_in"

    provider: str
    issuer: str
    flow_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FederatedSignInRefused(Event):
    """A sign-in by a provider came to nothing. `check` names the first check that did not pass."""

    type: ClassVar[str] = "user.federated_sign_in_refused"
    outcome: ClassVar[Outcome] = Outcome.REFUSED

    provider: str
    reason: str
    check: str | None
    flow_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeCodeReused(Event):
    """A code that was spent came again. The session that it opened has ended."""

    type: ClassVar[str] = "exchange_code.reused"
    outcome: ClassVar[Outcome] = Outcome.REFUSED

    client_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamLogoutRefused(Event):
    """A provider's word that a session is over was not to be trusted, or somebody else's."""

    type: ClassVar[str] = "upstream_logout.refused"
    outcome: ClassVar[Outcome] = Outcome.REFUSED

    provider: str
    reason: str
