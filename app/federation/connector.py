"""The contract of a connector: one protocol by which other identity providers vouch for people.

A sign-in takes two steps. `begin` says where the browser goes, and what of it must be kept meanwhile. `complete` judges
what the browser brought back, with every check in a `Trace`, and returns who it is or raises `SignInRefused`.
A connector keeps nothing of a sign-in between the two; what it caches of a provider it can read again at any time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from app.protocols.trace import Trace


class ConnectorKind(StrEnum):
    """The protocols: in bodies, tables and settings."""

    OIDC = "oidc"
    OAUTH2 = "oauth2"
    SAML = "saml"


class Linking(StrEnum):
    """What an identity with the mail address of an account that it is not linked to may do."""

    NEVER = "never"
    """Be refused: sign in to the account first, then link."""
    VERIFIED_EMAIL = "verified_email"
    """Be linked, where the provider and this service have both verified the address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Who has `value` in the claim `claim` gets these roles and groups; who has it no more loses them again.

    `claim` is a path: `groups`, `realm_access.roles`, or a SAML attribute's name. Nothing is ever granted by a name
    being equal. `roles` are (audience, role), the audience None for a role of all.
    """

    claim: str
    value: str
    roles: tuple[tuple[str | None, str], ...] = ()
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the identities of a connection may become here."""

    creates_users: bool = True
    linking: Linking = Linking.NEVER
    rules: tuple[Rule, ...] = ()
    keeps_refresh_token: bool = False
    domains: tuple[str, ...] = ()
    """Mail domains whose people are sent to this provider by the sign-in page."""
    is_shown: bool = True
    """Whether the sign-in page has a button for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """An identity provider as it is set up. `id` is its name in addresses; `version` changes with every change.

    `config` is the connector's own and has passed its `check`; `secret` is what we prove ourselves by there, if
    anything. `callback_url` is where the provider sends the browser back to.
    """

    id: str
    name: str
    kind: ConnectorKind
    preset: str | None
    config: Mapping[str, Any]
    secret: str | None = field(repr=False)
    policy: Policy
    version: int
    callback_url: str
    is_enabled: bool = True
    from_settings: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What this sign-in shall be. `state` is the id of its flow, which the provider sends back."""

    state: str
    login_hint: str | None = None
    max_age: int | None = None
    prompts_again: bool = False
    ui_locales: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """Where the browser goes: by address, or by a form with these `fields`. `kept` is for `complete`, and JSON."""

    url: str
    fields: Mapping[str, str] | None = field(default=None, repr=False)
    kept: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FederatedIdentity:
    """Somebody as a provider vouches for them. Only `issuer` and `subject` together say who it is.

    `email_verified` is True only where the provider said so in so many words. `claims` is all that it said and signed,
    of SAML each attribute as a list. `session` names the session there, for its end.
    """

    connection_id: str
    issuer: str
    subject: str
    email: str | None = None
    email_verified: bool = False
    name: str | None = None
    given_name: str | None = None
    family_name: str | None = None
    claims: Mapping[str, Any] = field(default_factory=dict, repr=False)
    session: str | None = None
    authenticated_at: datetime | None = None
    acr: str | None = None
    amr: tuple[str, ...] = ()
    refresh_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamLogout:
    """A provider's word that a session there is over; of all sessions of `subject` where `session` is None.

    It speaks of sessions that began before `issued_at`: whoever ends no later one loses nothing when it is replayed.
    `jti` is for those who would rather remember it.
    """

    issuer: str
    subject: str | None
    session: str | None
    issued_at: datetime | None = None
    jti: str | None = None


class Refusal(StrEnum):
    """Why a sign-in by a provider came to nothing: what its person is told is chosen by it."""

    CANCELLED = "cancelled"
    """They, or the provider, declined."""
    UNREACHABLE = "unreachable"
    """The provider did not answer, or not in time."""
    BROKEN = "broken"
    """It answered what it may not, or is set up wrongly on either side."""
    FORGED = "forged"
    """What came back cannot be trusted: signature, issuer, audience, nonce, time, replay."""
    NOT_ALLOWED = "not_allowed"
    """The provider vouches for them, and the connection does not admit them (another hosted domain, say)."""


class SignInRefused(Exception):
    """A provider's answer was refused. The checks are in the trace; the message is for an operator."""

    def __init__(self, refusal: Refusal, message: str) -> None:
        super().__init__(message)
        self.refusal = refusal


class InvalidConfiguration(ValueError):
    """A member of `config` is wrong; `member` names it, the message says what it should be."""

    def __init__(self, member: str, message: str) -> None:
        super().__init__(message)
        self.member = member


class Connector(Protocol):
    """One protocol by which other identity providers vouch for people."""

    @property
    def kinds(self) -> Sequence[ConnectorKind]:
        """What it speaks."""
        ...

    def check(self, kind: ConnectorKind, preset: str | None, config: Mapping[str, Any]) -> Mapping[str, Any]:
        """The configuration with its defaults filled in; nothing is asked of the provider.

        Raises InvalidConfiguration.
        """
        ...

    async def begin(self, connection: Connection, asked: Asked) -> Departure:
        """Where the browser goes. Raises SignInRefused where the provider cannot be asked now."""
        ...

    async def complete(
        self, connection: Connection, kept: Mapping[str, Any], answer: Mapping[str, str], trace: Trace
    ) -> FederatedIdentity:
        """Judge what the browser brought back: the members of its query or form. Raises SignInRefused."""
        ...

    async def test(self, connection: Connection) -> Trace:
        """Ask the provider for all that a sign-in would need, and explain each fault in words."""
        ...
