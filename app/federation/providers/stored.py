"""A provider as it is stored: read from a row or from JSON, and its secret sealed and opened."""

import base64
import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from app.federation.connector import Connection, ConnectorKind
from app.federation.providers.connectors import Connectors
from app.federation.providers.definition import Definition, Provider, callback_url, connection, policy_of
from app.federation.providers.errors import IdentityProviderNotFound, InvalidIdentityProvider
from app.foundation.encryption import DecryptionFailed, Keyring
from app.foundation.secrets import equal

_PURPOSE = "identity provider secret"
_KEPT = 256


@dataclass(frozen=True, slots=True)
class Stored:
    """A provider with its secret as it lies in the database."""

    provider: Provider
    sealed: bytes | None = field(repr=False)


class Shelf:
    """Reads and seals for one deployment: each secret for the id that it belongs to."""

    def __init__(self, keyring: Keyring, connectors: Connectors, *, issuer: str) -> None:
        self._keyring = keyring
        self._connectors = connectors
        self._issuer = issuer
        self._whole: OrderedDict[tuple[str, int], Mapping[str, Any]] = OrderedDict()

    def seal(self, provider_id: str, secret: str | None) -> bytes | None:
        """A secret as it is stored."""
        if secret is None:
            return None
        return self._keyring.encrypt(secret.encode(), purpose=_PURPOSE, bound_to=provider_id)

    def open(self, stored: Stored) -> Connection:
        """The connection with its secret, its configuration as its connector wants it.

        Raises DecryptionFailed, and IdentityProviderNotFound where its connector takes that configuration no more.
        """
        return replace(connection(stored.provider, self.secret_of(stored)), config=self._config(stored.provider))

    def secret_of(self, stored: Stored) -> str | None:
        """Its secret. Raises DecryptionFailed."""
        if stored.sealed is None:
            return None
        return self._keyring.decrypt(stored.sealed, purpose=_PURPOSE, bound_to=stored.provider.id).decode()

    def has_secret(self, stored: Stored, secret: str) -> bool:
        """Whether this is its secret. One that cannot be opened is another."""
        try:
            return equal((self.secret_of(stored) or "").encode(), secret.encode())
        except DecryptionFailed:
            return False

    def of_row(self, row: Row[Any]) -> Stored:
        """The provider in a row of the table."""
        return self._stored(dict(row._mapping), row.sealed_secret, row.created_at, row.updated_at)  # noqa: SLF001 — a row's public way to its columns by name

    def of_json(self, text: str) -> Stored:
        """The provider that `store.ONE` yields."""
        return self._of_value(json.loads(text))

    def of_registry(self, text: str) -> tuple[Stored, ...]:
        """Those that `store.REGISTRY` yields."""
        return tuple(self._of_value(value) for value in json.loads(text or "[]"))

    def _config(self, provider: Provider) -> Mapping[str, Any]:
        """The configuration with its defaults. What was written is what is stored, so that defaults can move on."""
        key = (provider.id, provider.version)
        if key not in self._whole:
            stated = provider.definition
            try:
                self._whole[key] = self._connectors.check(stated.kind, stated.preset, stated.config)
            except InvalidIdentityProvider as error:
                raise IdentityProviderNotFound(detail=f"{provider.id}: {error.description}") from error
            if len(self._whole) > _KEPT:
                self._whole.popitem(last=False)
        return self._whole[key]

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
