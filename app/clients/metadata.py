"""What a client says of itself to people and to their browsers, beyond what its tokens need."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from app.protocols.jose.algorithms import Algorithm


class ApplicationType(StrEnum):
    """Where a client runs. Spec: OpenID Connect Dynamic Client Registration §2."""

    WEB = "web"
    NATIVE = "native"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientMetadata:
    """The part of a client that signing people in needs, by the names of RFC 7591 and of OpenID Connect's logout.

    `application_type` None follows from the rest: native for a public client. Without `pkce_required` a confidential
    client's requests need a nonce instead. Without `consent_required` an operator vouches for it and nobody is asked.
    `claim_mappings` maps further claims to the expressions that fill them. Scripts of `allowed_origins` may read
    answers about it. `id_token_signed_response_alg` signs its ID tokens and logout tokens. `verified_publisher` is the
    organization that it is from: the word of an operator who has checked it, and never the client's own.
    """

    post_logout_redirect_uris: tuple[str, ...] = ()
    backchannel_logout_uri: str | None = None
    backchannel_logout_session_required: bool = False
    frontchannel_logout_uri: str | None = None
    frontchannel_logout_session_required: bool = False
    logo_uri: str | None = None
    client_uri: str | None = None
    policy_uri: str | None = None
    tos_uri: str | None = None
    initiate_login_uri: str | None = None
    application_type: ApplicationType | None = None
    id_token_signed_response_alg: Algorithm = Algorithm.RS256
    pkce_required: bool = True
    consent_required: bool = True
    default_max_age: int | None = None
    claim_mappings: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    allowed_origins: tuple[str, ...] = ()
    verified_publisher: str | None = None

    def metadata_as_json(self) -> dict[str, Any]:
        """Every field in the form of JSON, in the order above."""
        return {name: _as_json(getattr(self, name)) for name in NAMES}


NAMES = tuple(item.name for item in fields(ClientMetadata))


def read_metadata(told: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `ClientMetadata` in its JSON form; what is missing keeps its default."""
    return {name: _READ.get(name, _as_told)(told[name]) for name in NAMES if name in told}


def _as_told(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _as_json(value: Any) -> Any:
    match value:
        case StrEnum():
            return value.value
        case tuple():
            return list(value)
        case Mapping():
            return dict(sorted(value.items()))
        case _:
            return value


_READ: Mapping[str, Callable[[Any], Any]] = {
    "application_type": lambda value: None if value is None else ApplicationType(value),
    "id_token_signed_response_alg": Algorithm,
    "claim_mappings": lambda value: MappingProxyType(dict(value)),
}
