"""A client as authentication and tokens need it, and the reading of it, kept in memory."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from app.clients import store
from app.clients.metadata import ApplicationType, ClientMetadata, read_metadata
from app.clients.rules import is_client_id
from app.foundation.db import Database
from app.foundation.secrets import SecretHash
from app.protocols.jose.key_set import TheirKey, read_key_set
from app.protocols.oauth.registration import AuthMethod

MAX_KEPT = 4096


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class StoredSecret:
    """The hash of a secret, and until when it counts (a NumericDate)."""

    hash: SecretHash
    until: float

    def counts(self, moment: float) -> bool:
        """Whether it counts at that moment."""
        return moment < self.until


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RegisteredClient(ClientMetadata):
    """A client, its secrets and its keys, at one version. `tokens_not_before` is a NumericDate.

    `logo_path` is where its picture stands on this service: pages show that one, never the client's own address.
    """

    client_id: str
    name: str
    audience: str | None
    scopes: frozenset[str]
    enabled: bool
    version: int
    auth_method: AuthMethod
    grant_types: frozenset[str]
    redirect_uris: tuple[str, ...]
    targets: Mapping[str, tuple[str, ...] | None]
    secrets: tuple[StoredSecret, ...]
    keys: tuple[TheirKey, ...]
    jwks_uri: str | None
    tokens_not_before: float
    logo_path: str | None = None

    @property
    def is_public(self) -> bool:
        """Whether it has nothing to prove itself by."""
        return self.auth_method is AuthMethod.NONE

    @property
    def is_native(self) -> bool:
        """Whether it runs on a device, so that a loopback redirect URI may come with any port. RFC 8252 §7.3."""
        return self.application_type is ApplicationType.NATIVE or (self.application_type is None and self.is_public)


class ClientDirectory:
    """Looks clients up. What it keeps may be old: whoever uses `known` has it confirmed before it counts.

    A token confirms it by the statement that records it, a failed authentication by reading again.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._kept: dict[str, RegisteredClient] = {}

    def known(self, client_id: str) -> RegisteredClient | None:
        """What this process last read of a client, if anything."""
        return self._kept.get(client_id)

    async def read(self, client_id: str) -> RegisteredClient | None:
        """The client as it is now. Raises DatabaseUnavailable."""
        row = await self._db.fetchrow(store.KNOWN, client_id, repeatable=True) if is_client_id(client_id) else None
        if row is None:
            self.forget(client_id)
            return None
        client = _parse(json.loads(row["known"]))
        if len(self._kept) >= MAX_KEPT:
            # The one read longest ago: a client in use is soon read again.
            del self._kept[next(iter(self._kept))]
        self._kept[client_id] = client
        return client

    def forget(self, client_id: str) -> None:
        """Drop what is kept of a client: it has changed."""
        self._kept.pop(client_id, None)

    def forget_all(self) -> None:
        """Drop everything: changes may have been missed."""
        self._kept.clear()


def logo_path(client_id: str, digest: str) -> str:
    """Where a client's picture stands on this service; it changes with the picture."""
    return f"/oauth/logos/{client_id}?v={digest}"


def _parse(told: Any) -> RegisteredClient:
    # `told` is JSON of our own statement.
    secrets = (
        StoredSecret(hash=SecretHash(bytes.fromhex(text)), until=float("inf") if until is None else until)
        for text, until in told["secrets"]
    )
    targets = {name: None if held is None else tuple(held) for name, held in told["targets"].items()}
    return RegisteredClient(
        client_id=told["client_id"],
        name=told["name"],
        audience=told["audience"],
        scopes=frozenset(told["scopes"]),
        enabled=told["enabled"],
        version=told["version"],
        auth_method=AuthMethod(told["auth_method"]),
        grant_types=frozenset(told["grant_types"]),
        redirect_uris=tuple(told["redirect_uris"]),
        targets=MappingProxyType(targets),
        secrets=tuple(secrets),
        keys=read_key_set(told["jwks"], strict=True) if told["jwks"] is not None else (),
        jwks_uri=told["jwks_uri"],
        tokens_not_before=told["tokens_not_before"] or 0.0,
        logo_path=None if told["logo"] is None else logo_path(told["client_id"], told["logo"]),
        **read_metadata(told["metadata"]),
    )
