"""What happens to clients."""

from dataclasses import dataclass
from typing import ClassVar

from app.audit.event import Event, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCreated(Event):
    """A client was registered."""

    type: ClassVar[str] = "client.created"

    name: str
    audience: str | None
    scopes: list[str]
    grant_types: list[str]
    redirect_uris: list[str]
    token_endpoint_auth_method: str
    targets: dict[str, list[str] | None]
    client_metadata: dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientUpdated(Event):
    """A client was defined anew."""

    type: ClassVar[str] = "client.updated"

    name: str
    audience: str | None
    scopes: list[str]
    grant_types: list[str]
    redirect_uris: list[str]
    token_endpoint_auth_method: str
    targets: dict[str, list[str] | None]
    client_metadata: dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientDeleted(Event):
    """A client was removed for good."""

    type: ClassVar[str] = "client.deleted"

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientTokenIssued(Event):
    """A client got an access token of its own. Recorded many at once, see `clients.issued`."""

    type: ClassVar[str] = "client.token_issued"

    audience: str
    scope: str
    jti: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientDisabled(Event):
    """A client may not authenticate any more, and its tokens count no more."""

    type: ClassVar[str] = "client.disabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientEnabled(Event):
    """A disabled client may authenticate again."""

    type: ClassVar[str] = "client.enabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSecretRotated(Event):
    """A client got another secret; the former ones count for `overlap_seconds` more.

    `tokens_ended` says that what it was issued before counts no more.
    """

    type: ClassVar[str] = "client.secret_rotated"

    overlap_seconds: int
    tokens_ended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRefused(Event):
    """A registered client's authentication failed. `reason` is for the log alone."""

    type: ClassVar[str] = "client.refused"
    outcome: ClassVar[Outcome] = Outcome.REFUSED

    reason: str
