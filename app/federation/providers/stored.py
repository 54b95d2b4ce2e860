"""A provider as it is stored: read from a row or from JSON, and its secret sealed and opened."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from app.federation.connector import Connection, ConnectorKind
from app.federation.providers.definition import Definition, Provider, callback_url, connection, policy_of
from app.foundation.encryption import Keyring

_PURPOSE = "identity provider secret"


@dataclass(frozen=True, slots=True)
class Stored:
    """A provider with its secret as it lies in the database."""

    provider: Provider
    sealed: bytes | None = field(repr=False)


class Shelf:
    """Reads and seals for one deployment: each secret for the id that it belongs to."""

    def __init__(self, keyring: Keyring, *, issuer: str) -> None:
        self._keyring = keyring
        self._issuer = issuer

    def seal(self, provider_id: str, secret: str | None) -> bytes | None:
        """A secret as it is stored."""
        if secret is None:
            return None
        return self._keyring.encrypt(secret.encode(), purpose=_PURPOSE, bound_to=provider_id)

    def open(self, stored: Stored) -> Connection:
        """The connection with its secret. Raises DecryptionFailed."""
        secret = None
        if stored.sealed is not None:
            secret = self._keyring.decrypt(stored.sealed, purpose=_PURPOSE, bound_to=stored.provider.id).decode()
        return connection(stored.provider, secret)

    def of_row(self, row: Row[Any]) -> Stored:
        """The provider in a row of the table."""
        return self._stored(dict(row._mapping), row.sealed_secret, row.created_at, row.updated_at)  # noqa: SLF001 — a row's public way to its columns by name

    def of_json(self, text: str) -> Stored:
        """The provider that `store.ONE` yields."""
        return self._of_value(json.loads(text))

    def of_registry(self, text: str) -> tuple[Stored, ...]:
        """Those that `store.REGISTRY` yields."""
        return tuple(self._of_value(value) for value in json.loads(text or "[]"))

    def _of_value(self, value: Mapping[str, Any]) -> Stored:
        sealed = None if value["sealed"] is None else base64.b64decode(value["sealed"])
        created, updated = (datetime.fromisoformat(value[name]) for name in ("created_at", "updated_at"))
        return self._stored(value, sealed, created, updated)

    def _stored(self, value: Mapping[str, Any], sealed: bytes | None, created: datetime, updated: datetime) -> Stored:
        kind = ConnectorKind(value["kind"])
        definition = Definition(
            id=value["id"],
            name=value["name"],
            kind=kind,
            preset=value["preset"],
            config=value["config"],
            policy=policy_of(value["policy"]),
            is_enabled=value["enabled"],
        )
        provider = Provider(
            definition=definition,
            version=value["version"],
            has_secret=sealed is not None,
            callback_url=callback_url(self._issuer, kind, definition.id),
            from_settings=False,
            created_at=created,
            updated_at=updated,
        )
        return Stored(provider, sealed)
