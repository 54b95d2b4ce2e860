"""What happens to identity providers."""

from dataclasses import dataclass
from typing import ClassVar

from app.audit.event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityProviderCreated(Event):
    """People can sign in by another provider from now on, unless it was made disabled."""

    type: ClassVar[str] = "identity_provider.created"

    provider_id: str
    kind: str
    preset: str | None
    enabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityProviderChanged(Event):
    """A provider is set up otherwise; `changed` names what, and `enabled` what it is afterwards."""

    type: ClassVar[str] = "identity_provider.changed"

    provider_id: str
    changed: list[str]
    enabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityProviderDeleted(Event):
    """Nobody signs in by a provider any more. `links` of accounts hung from it, and were `removed` or are kept."""

    type: ClassVar[str] = "identity_provider.deleted"

    provider_id: str
    links: int
    removed: bool
