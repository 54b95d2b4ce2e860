"""A client as operators see it."""

from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from app.clients.metadata import read_metadata
from app.clients.rules import ClientDefinition
from app.foundation.clock import rfc3339
from app.protocols.oauth.registration import AuthMethod


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client. `id` is the row's and stays inside; `version` grows with every change."""

    id: UUID
    client_id: str
    definition: ClientDefinition
    version: int
    created_at: datetime
    updated_at: datetime
    disabled_at: datetime | None

    @property
    def name(self) -> str:
        """What people call it."""
        return self.definition.name

    @property
    def audience(self) -> str | None:
        """The downstream service that it stands for."""
        return self.definition.audience

    @property
    def scopes(self) -> tuple[str, ...]:
        """What it may ask about that service's tokens."""
        return self.definition.scopes

    def as_json(self) -> dict[str, object]:
        """The form of the admin API and of the command line's answers."""
        stated = self.definition
        targets = {name: None if held is None else list(held) for name, held in sorted(stated.targets.items())}
        return {
            "client_id": self.client_id,
            "name": stated.name,
            "audience": stated.audience,
            "scopes": list(stated.scopes),
            "grant_types": list(stated.grant_types),
            "redirect_uris": list(stated.redirect_uris),
            "token_endpoint_auth_method": stated.auth_method.value,
            "targets": targets,
            "jwks": dict(stated.jwks) if stated.jwks is not None else None,
            "jwks_uri": stated.jwks_uri,
            **stated.metadata_as_json(),
            "application_type": stated.kind_of_application.value,
            "created_at": rfc3339(self.created_at),
            "updated_at": rfc3339(self.updated_at),
            "disabled_at": rfc3339(self.disabled_at),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCredentials:
    """A client's id, and a secret of it that is shown this once; None for a client that has none."""

    client_id: str
    raw_secret: str | None = field(repr=False)


def client_of(row: Row[Any]) -> Client:
    """The client in a row."""
    definition = ClientDefinition(
        name=row.name,
        audience=row.audience,
        scopes=tuple(row.scopes),
        grant_types=tuple(row.grant_types),
        redirect_uris=tuple(row.redirect_uris),
        auth_method=AuthMethod(row.token_endpoint_auth_method),
        targets=MappingProxyType(
            {name: None if held is None else tuple(held) for name, held in sorted(row.targets.items())}
        ),
        jwks=row.jwks,
        jwks_uri=row.jwks_uri,
        **read_metadata(row.client_metadata),
    )
    return Client(
        id=row.id,
        client_id=row.client_id,
        definition=definition,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
        disabled_at=row.disabled_at,
    )


def columns_of(definition: ClientDefinition) -> dict[str, Any]:
    """A definition as the values of its columns, lists in order and without repetition where order says nothing."""
    targets = {name: None if held is None else sorted(set(held)) for name, held in sorted(definition.targets.items())}
    return {
        "name": definition.name,
        "audience": definition.audience,
        "scopes": sorted(set(definition.scopes)),
        "grant_types": sorted(set(definition.grant_types)),
        "redirect_uris": list(dict.fromkeys(definition.redirect_uris)),
        "token_endpoint_auth_method": definition.auth_method.value,
        "targets": targets,
        "jwks": dict(definition.jwks) if definition.jwks is not None else None,
        "jwks_uri": definition.jwks_uri,
        "client_metadata": {**definition.metadata_as_json(), "application_type": definition.kind_of_application.value},
    }
