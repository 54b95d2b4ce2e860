"""Giving a client a secret that was made elsewhere."""

from datetime import timedelta

from app.audit.event import Actor
from app.audit.service import AuditLog
from app.clients import store
from app.clients.client import client_of
from app.clients.errors import ClientHasNoSecret, ClientNotFound
from app.clients.events import ClientSecretRotated
from app.foundation.clock import Clock
from app.foundation.db import Transaction
from app.foundation.ids import new_id
from app.foundation.origin import Origin
from app.foundation.secrets import hash_secret


class GivenSecrets:
    """Takes secrets that operators keep where they keep theirs. Only the hash is stored."""

    def __init__(self, clock: Clock, audit: AuditLog) -> None:
        self._clock = clock
        self._audit = audit

    async def give(
        self, tx: Transaction, client_id: str, raw_secret: str, *, overlap: timedelta, actor: Actor, origin: Origin
    ) -> bool:
        """Give a client this secret; those that it has count for `overlap` more. False where it has it already.

        `raw_secret` is random and long: it is not stretched. Raises ClientNotFound, ClientHasNoSecret.
        """
        row = await store.find(tx, client_id, lock=True)
        if row is None:
            raise ClientNotFound
        if not client_of(row).definition.auth_method.has_secret:
            raise ClientHasNoSecret("This client proves itself by its own key, or not at all.")
        hashed = hash_secret(raw_secret)
        if await store.has_lasting_secret(tx, row.id, hashed):
            return False
        now = self._clock.now()
        await store.expire_secrets(tx, row.id, now=now, at=now + overlap)
        await store.add_secret(tx, new_id(now), client_row_id=row.id, secret_hash=hashed, now=now)
        await store.change(tx, row.id, {"updated_at": now})
        event = ClientSecretRotated(
            actor=actor,
            origin=origin,
            subject=client_id,
            overlap_seconds=int(overlap.total_seconds()),
            tokens_ended=False,
        )
        await self._audit.record(tx, event)
        return True
