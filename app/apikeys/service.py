"""Looking after API keys: listing them, and ending them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement

from app.apikeys import store
from app.apikeys.errors import APIKeyNotFound
from app.apikeys.events import APIKeyLeaked, APIKeyRevoked
from app.apikeys.key import APIKey, key_of
from app.apikeys.owner import KeyOwner
from app.apikeys.rules import KEPT_ANSWERS
from app.audit.event import Actor
from app.audit.service import AuditLog
from app.foundation.clock import Clock
from app.foundation.db import Transaction
from app.foundation.origin import Origin
from app.protocols import api_key
from app.revocation.kinds import RevocationKind
from app.revocation.service import Revocations


class APIKeys:
    """The keys that there are; in the caller's transaction. With an `owner`, those of theirs alone."""

    def __init__(self, clock: Clock, audit: AuditLog, revocations: Revocations) -> None:
        self._clock = clock
        self._audit = audit
        self._revocations = revocations

    async def list(
        self,
        tx: Transaction,
        *,
        owner: KeyOwner | None = None,
        audience: str | None = None,
        before: UUID | None,
        limit: int,
    ) -> list[APIKey]:
        """Keys, newest first, those that are over too, before the row id `before`; `audience` is a stored name."""
        conditions = [] if owner is None else [owner.keys]
        if audience is not None:
            conditions.append(store.at_audience(audience))
        now = self._clock.now()
        return [key_of(row, now=now) for row in await store.page(tx, conditions, before=before, limit=limit)]

    async def get(self, tx: Transaction, key_id: str, *, owner: KeyOwner | None = None) -> APIKey:
        """A key by its id. Raises APIKeyNotFound, also where it is somebody else's."""
        row_id = api_key.row_id_of(key_id)
        row = None if row_id is None else await store.find(tx, row_id, None if owner is None else owner.keys)
        if row is None:
            raise APIKeyNotFound
        return key_of(row, now=self._clock.now())

    async def revoke(self, tx: Transaction, key: APIKey, *, reason: str, actor: Actor, origin: Origin) -> bool:
        """Let a key count no more; False where it did not."""
        condition = store.has_id(key.row_id)
        return bool(await self._revoke(tx, condition, reason=reason, actor=actor, origin=origin))

    async def revoke_all(self, tx: Transaction, owner: KeyOwner, *, reason: str, actor: Actor, origin: Origin) -> int:
        """Let every key of an owner count no more; return how many did."""
        return await self._revoke(tx, owner.keys, reason=reason, actor=actor, origin=origin)

    async def revoke_at(self, tx: Transaction, audience: str, *, reason: str, actor: Actor, origin: Origin) -> int:
        """Let every key for the audience of that stored name count no more; return how many did."""
        return await self._revoke(tx, store.at_audience(audience), reason=reason, actor=actor, origin=origin)

    async def report_leak(self, tx: Transaction, key: APIKey, *, actor: Actor, origin: Origin) -> bool:
        """Take a key for known to strangers: it is revoked at once, its owner is told. False where it was over."""
        event = APIKeyLeaked(actor=actor, origin=origin, subject=key.owner, key_id=key.id, name=key.name)
        await self._audit.record(tx, event)
        return await self.revoke(tx, key, reason="leaked", actor=actor, origin=origin)

    async def put_to_sleep(self, tx: Transaction, owner: KeyOwner, *, reason: str) -> None:
        """Tell whoever keeps answers that the owner's keys count no more, because the owner does not.

        They wake with the owner, where nothing is kept by then.
        """
        await self._tell(tx, await store.list_live(tx, owner.keys, now=self._clock.now()), reason=reason)

    async def forget(self, tx: Transaction, owner: KeyOwner) -> None:
        """Delete what is kept of an owner's keys. `revoke_all` comes before."""
        await store.remove(tx, owner.keys)

    async def _revoke(
        self,
        tx: Transaction,
        condition: ColumnElement[bool],
        *,
        reason: str,
        actor: Actor,
        origin: Origin,
    ) -> int:
        ended = await store.revoke(tx, condition, now=self._clock.now(), reason=reason)
        await self._tell(tx, ended, reason=reason)
        events = [
            APIKeyRevoked(
                actor=actor,
                origin=origin,
                subject=row.owner,
                key_id=api_key.key_id_of(row.id),
                name=row.name,
                reason=reason,
            )
            for row in ended
        ]
        await self._audit.record_all(tx, events)
        return len(ended)

    async def _tell(self, tx: Transaction, rows: Sequence[Any], *, reason: str) -> None:
        targets = [api_key.key_id_of(row.id) for row in rows]
        expires_at = self._clock.now() + KEPT_ANSWERS
        await self._revocations.add_all(tx, RevocationKind.API_KEY, targets, reason=reason, expires_at=expires_at)
