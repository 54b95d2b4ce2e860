"""What a client is defined by, what its id looks like, and what a downstream service's client may ask about."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from app.clients.metadata import ApplicationType, ClientMetadata
from app.protocols.oauth.registration import AuthMethod

CLIENT_ID_PREFIX = "c_"
CLIENT_ID_RANDOM_CHARACTERS = 22
MAX_NAME_CHARACTERS = 128
_CLIENT_ID = re.compile(r"c_[A-Za-z0-9]{22}")


class ServiceScope(StrEnum):
    """What a downstream service's credentials allow, about the tokens of its own audience."""

    INTROSPECTION = "introspection"
    REVOCATIONS_READ = "revocations:read"


def is_client_id(text: str) -> bool:
    """Whether a text has the form of a client id."""
    return _CLIENT_ID.fullmatch(text) is not None


def is_one_line(text: str) -> bool:
    """Whether people can read a text as a name: one line that begins and ends with what is seen."""
    return 0 < len(text) <= MAX_NAME_CHARACTERS and text.isprintable() and text == text.strip()


def application_type_of(auth_method: AuthMethod) -> ApplicationType:
    """Where a client runs that does not say: on a device, where it has nothing to prove itself by."""
    return ApplicationType.NATIVE if auth_method is AuthMethod.NONE else ApplicationType.WEB


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientDefinition(ClientMetadata):
    """A client as it is registered.

    `audience` is the stored name of the downstream service that it stands for, `scopes` what it may ask about that
    service's tokens. `targets` maps each audience that it may ask tokens for to the scopes that it holds there, or to
    None for those that need no permission.
    """

    name: str
    audience: str | None = None
    scopes: tuple[str, ...] = ()
    grant_types: tuple[str, ...] = ()
    redirect_uris: tuple[str, ...] = ()
    auth_method: AuthMethod = AuthMethod.BASIC
    targets: Mapping[str, tuple[str, ...] | None] = field(default_factory=lambda: MappingProxyType({}))
    jwks: Mapping[str, Any] | None = None
    jwks_uri: str | None = None

    @property
    def is_public(self) -> bool:
        """Whether it has nothing to prove itself by: an app on somebody's device."""
        return self.auth_method is AuthMethod.NONE

    @property
    def kind_of_application(self) -> ApplicationType:
        """Where it runs: as it says, else on a device where it is public."""
        return self.application_type or application_type_of(self.auth_method)
