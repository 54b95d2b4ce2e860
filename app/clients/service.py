"""Registering clients, and looking after them."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from app.audiences.own import OWN_SCOPES, SELF
from app.audiences.service import Audiences
from app.audit.event import Actor
from app.audit.service import AuditLog
from app.clients import store
from app.clients.check import check
from app.clients.client import Client, NewCredentials, client_of, columns_of
from app.clients.errors import ClientHasNoSecret, ClientNotFound, InvalidClientDefinition
from app.clients.events import (
    ClientCreated,
    ClientDeleted,
    ClientDisabled,
    ClientEnabled,
    ClientSecretRotated,
    ClientUpdated,
)
from app.clients.rules import CLIENT_ID_PREFIX, CLIENT_ID_RANDOM_CHARACTERS, ClientDefinition
from app.foundation.clock import Clock
from app.foundation.db import Transaction
from app.foundation.ids import new_id
from app.foundation.origin import Origin
from app.foundation.secrets import hash_secret, random_base62, random_secret
from app.revocation.kinds import RevocationKind
from app.revocation.service import Revocations

__all__ = ["Client", "Clients", "NewCredentials"]


class Clients:
    """The registry of clients."""

    def __init__(self, clock: Clock, audit: AuditLog, audiences: Audiences, revocations: Revocations) -> None:
        self._revocations = revocations
        self._clock = clock
        self._audit = audit
        self._audiences = audiences

    async def create(
        self, tx: Transaction, definition: ClientDefinition, *, actor: Actor, origin: Origin
    ) -> NewCredentials:
        """Register a client and return its only secret, if it is of the kind that has one.

        Raises InvalidClientDefinition, AudienceNotFound.
        """
        await self._check(tx, definition)
        now = self._clock.now()
        row_id = new_id(now)
        client_id = CLIENT_ID_PREFIX + random_base62(CLIENT_ID_RANDOM_CHARACTERS)
        columns = columns_of(definition)
        await store.add(tx, {"id": row_id, "client_id": client_id, "created_at": now, "updated_at": now, **columns})
        raw_secret = await self._add_secret(tx, row_id) if definition.auth_method.has_secret else None
        event = ClientCreated(actor=actor, origin=origin, subject=client_id, **_told(columns))
        await self._audit.record(tx, event)
        return NewCredentials(client_id=client_id, raw_secret=raw_secret)

    async def update(
        self,
        tx: Transaction,
        client_id: str,
        definition: ClientDefinition,
        *,
        actor: Actor,
        origin: Origin,
    ) -> Client:
        """Define a client anew. Tokens that it has stay good. An equal definition changes nothing.

        A client whose method now has a secret and that has none gets one by `rotate_secret`. Raises ClientNotFound,
        InvalidClientDefinition, AudienceNotFound.
        """
        present = await self.lock(tx, client_id)
        await self._check(tx, definition)
        columns = columns_of(definition)
        if columns != columns_of(present.definition):
            await store.change(tx, present.id, {**columns, "updated_at": self._clock.now()})
            event = ClientUpdated(actor=actor, origin=origin, subject=client_id, **_told(columns))
            await self._audit.record(tx, event)
        return await self.get(tx, client_id)

    async def rotate_secret(
        self,
        tx: Transaction,
        client_id: str,
        *,
        overlap: timedelta,
        end_tokens: bool = False,
        actor: Actor,
        origin: Origin,
    ) -> NewCredentials:
        """Give a client another secret; those that it has count for `overlap` more.

        With `end_tokens`, as when a secret has leaked, tokens that were issued until now count no more. Raises
        ClientNotFound, ClientHasNoSecret.
        """
        present = await self.lock(tx, client_id)
        if not present.definition.auth_method.has_secret:
            raise ClientHasNoSecret("This client proves itself by its own key, or not at all.")
        now = self._clock.now()
        await store.expire_secrets(tx, present.id, now=now, at=now + overlap)
        raw_secret = await self._add_secret(tx, present.id)
        ended = {"tokens_not_before": await self._end_tokens(tx, client_id, "leaked secret")} if end_tokens else {}
        await store.change(tx, present.id, {"updated_at": now, **ended})
        event = ClientSecretRotated(
            actor=actor,
            origin=origin,
            subject=client_id,
            overlap_seconds=int(overlap.total_seconds()),
            tokens_ended=end_tokens,
        )
        await self._audit.record(tx, event)
        return NewCredentials(client_id=client_id, raw_secret=raw_secret)

    async def end_tokens(self, tx: Transaction, client_id: str, *, reason: str) -> datetime:
        """Let what a client was issued until now count no more; return the moment before which nothing does.

        The caller records it. Raises ClientNotFound.
        """
        present = await self.lock(tx, client_id)
        ended_at = await self._end_tokens(tx, client_id, reason)
        await store.change(tx, present.id, {"updated_at": self._clock.now(), "tokens_not_before": ended_at})
        return ended_at

    async def get(self, tx: Transaction, client_id: str) -> Client:
        """The client of that id. Raises ClientNotFound."""
        row = await store.find(tx, client_id)
        if row is None:
            raise ClientNotFound
        return client_of(row)

    async def lock(self, tx: Transaction, client_id: str) -> Client:
        """The same; changes of it take turns until the transaction ends. Raises ClientNotFound."""
        row = await store.find(tx, client_id, lock=True)
        if row is None:
            raise ClientNotFound
        return client_of(row)

    async def list(self, tx: Transaction, *, limit: int, after: UUID | None = None) -> tuple[Client, ...]:
        """A page of clients in the order in which they were made, after the row id `after`."""
        return tuple(client_of(row) for row in await store.list_after(tx, after=after, limit=limit))

    async def disable(self, tx: Transaction, client_id: str, *, actor: Actor, origin: Origin) -> Client:
        """Let a client authenticate no more; its tokens count no more, also once it is enabled again.

        Idempotent. Raises ClientNotFound.
        """
        present = await self.lock(tx, client_id)
        if present.disabled_at is None:
            now = self._clock.now()
            ended_at = await self._end_tokens(tx, client_id, "client disabled")
            values = {"disabled_at": now, "updated_at": now, "tokens_not_before": ended_at}
            await store.change(tx, present.id, values)
            await self._audit.record(tx, ClientDisabled(actor=actor, origin=origin, subject=client_id))
        return await self.get(tx, client_id)

    async def enable(self, tx: Transaction, client_id: str, *, actor: Actor, origin: Origin) -> Client:
        """Let a disabled client authenticate again. Idempotent. Raises ClientNotFound."""
        present = await self.lock(tx, client_id)
        if present.disabled_at is not None:
            await store.change(tx, present.id, {"disabled_at": None, "updated_at": self._clock.now()})
            await self._audit.record(tx, ClientEnabled(actor=actor, origin=origin, subject=client_id))
        return await self.get(tx, client_id)

    async def delete(self, tx: Transaction, client_id: str, *, actor: Actor, origin: Origin) -> None:
        """Remove a client for good; its id is never used again, and its tokens count no more. Raises ClientNotFound."""
        present = await self.lock(tx, client_id)
        await self._end_tokens(tx, client_id, "client deleted")
        await store.remove(tx, present.id)
        event = ClientDeleted(actor=actor, origin=origin, subject=client_id, name=present.name)
        await self._audit.record(tx, event)

    async def _end_tokens(self, tx: Transaction, client_id: str, reason: str) -> datetime:
        """Have every service refuse what the client was issued, and return the moment before which none counts."""
        return await self._revocations.add(tx, RevocationKind.CLIENT_ID, client_id, reason=reason)

    async def _check(self, tx: Transaction, definition: ClientDefinition) -> None:
        check(definition)
        if definition.audience is not None:
            await self._audiences.require(tx, definition.audience)
        for name, scopes in definition.targets.items():
            await self._audiences.require(tx, name)
            known = OWN_SCOPES if name == SELF else (await self._audiences.show(tx, name)).scopes
            unknown = sorted(set(scopes or ()) - set(known))
            if unknown:
                rule = f"{name} has no scope {', '.join(unknown)}"
                raise InvalidClientDefinition(f"targets: {rule}.", faults=[("/targets", rule)])

    async def _add_secret(self, tx: Transaction, client_row_id: UUID) -> str:
        now = self._clock.now()
        raw_secret = random_secret()
        await store.add_secret(
            tx, new_id(now), client_row_id=client_row_id, secret_hash=hash_secret(raw_secret), now=now
        )
        return raw_secret


def _told(columns: Mapping[str, Any]) -> dict[str, Any]:
    """What of a definition its event tells."""
    return {name: value for name, value in columns.items() if name not in {"jwks", "jwks_uri"}}
