"""Registering clients, and looking after them."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from app.audiences.service import Audiences
from app.audit.event import Actor
from app.audit.service import AuditLog
from app.clients import store
from app.clients.errors import ClientNotFound
from app.clients.events import ClientCreated, ClientDisabled, ClientEnabled, ClientSecretRotated
from app.clients.rules import CLIENT_ID_PREFIX, CLIENT_ID_RANDOM_CHARACTERS, ClientDefinition, check
from app.foundation.clock import Clock
from app.foundation.db import Transaction
from app.foundation.ids import new_id
from app.foundation.origin import Origin
from app.foundation.secrets import hash_secret, random_base62, random_secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client as operators see it. `id` is the row's and stays inside."""

    id: UUID
    client_id: str
    name: str
    audience: str | None
    scopes: tuple[str, ...]
    created_at: datetime
    disabled_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCredentials:
    """A client's id, and a secret of it that is shown this once."""

    client_id: str
    raw_secret: str = field(repr=False)


class Clients:
    """The registry of clients."""

    def __init__(self, clock: Clock, audit: AuditLog, audiences: Audiences) -> None:
        self._clock = clock
        self._audit = audit
        self._audiences = audiences

    async def create(
        self, tx: Transaction, definition: ClientDefinition, *, actor: Actor, origin: Origin
    ) -> NewCredentials:
        """Register a client and return its only secret. Raises InvalidClientDefinition, AudienceNotFound."""
        check(definition)
        if definition.audience is not None:
            await self._audiences.require(tx, definition.audience)
        now = self._clock.now()
        row_id = new_id(now)
        client_id = CLIENT_ID_PREFIX + random_base62(CLIENT_ID_RANDOM_CHARACTERS)
        scopes = sorted(set(definition.scopes))
        values = {
            "id": row_id,
            "client_id": client_id,
            "name": definition.name,
            "audience": definition.audience,
            "scopes": scopes,
            "created_at": now,
            "updated_at": now,
        }
        await store.add(tx, values)
        raw_secret = await self._add_secret(tx, row_id)
        event = ClientCreated(
            actor=actor,
            origin=origin,
            subject=client_id,
            name=definition.name,
            audience=definition.audience,
            scopes=scopes,
        )
        await self._audit.record(tx, event)
        return NewCredentials(client_id=client_id, raw_secret=raw_secret)

    async def rotate_secret(
        self, tx: Transaction, client_id: str, *, overlap: timedelta, actor: Actor, origin: Origin
    ) -> NewCredentials:
        """Give a client another secret; those that it has count for `overlap` more. Raises ClientNotFound."""
        row = await store.find(tx, client_id, lock=True)
        if row is None:
            raise ClientNotFound
        await store.expire_secrets(tx, row.id, at=self._clock.now() + overlap)
        raw_secret = await self._add_secret(tx, row.id)
        event = ClientSecretRotated(
            actor=actor, origin=origin, subject=client_id, overlap_seconds=int(overlap.total_seconds())
        )
        await self._audit.record(tx, event)
        return NewCredentials(client_id=client_id, raw_secret=raw_secret)

    async def get(self, tx: Transaction, client_id: str) -> Client:
        """The client of that id. Raises ClientNotFound."""
        row = await store.find(tx, client_id)
        if row is None:
            raise ClientNotFound
        return _client(row)

    async def list(self, tx: Transaction, *, limit: int, after: UUID | None = None) -> tuple[Client, ...]:
        """A page of clients in the order in which they were made, after the row id `after`."""
        return tuple(_client(row) for row in await store.list_after(tx, after=after, limit=limit))

    async def disable(self, tx: Transaction, client_id: str, *, actor: Actor, origin: Origin) -> Client:
        """Let a client authenticate no more. Idempotent. Raises ClientNotFound."""
        now = self._clock.now()
        if await store.set_disabled(tx, client_id, disabled_at=now, now=now):
            await self._audit.record(tx, ClientDisabled(actor=actor, origin=origin, subject=client_id))
        return await self.get(tx, client_id)

    async def enable(self, tx: Transaction, client_id: str, *, actor: Actor, origin: Origin) -> Client:
        """Let a disabled client authenticate again. Idempotent. Raises ClientNotFound."""
        if await store.set_disabled(tx, client_id, disabled_at=None, now=self._clock.now()):
            await self._audit.record(tx, ClientEnabled(actor=actor, origin=origin, subject=client_id))
        return await self.get(tx, client_id)

    async def _add_secret(self, tx: Transaction, client_row_id: UUID) -> str:
        now = self._clock.now()
        raw_secret = random_secret()
        await store.add_secret(
            tx, new_id(now), client_row_id=client_row_id, secret_hash=hash_secret(raw_secret), now=now
        )
        return raw_secret


def _client(row: Row[Any]) -> Client:
    return Client(
        id=row.id,
        client_id=row.client_id,
        name=row.name,
        audience=row.audience,
        scopes=tuple(row.scopes),
        created_at=row.created_at,
        disabled_at=row.disabled_at,
    )
