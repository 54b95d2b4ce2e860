"""Remembering what people allow clients."""

from collections.abc import Collection
from uuid import UUID

from app.audit.event import Actor
from app.audit.service import AuditLog
from app.consents import store
from app.consents.consent import Consent
from app.consents.events import ConsentGranted, ConsentWithdrawn
from app.foundation.clock import Clock
from app.foundation.db import Transaction
from app.foundation.origin import Origin

__all__ = ["Consent", "Consents"]


class Consents:
    """The consents of users to clients."""

    def __init__(self, clock: Clock, audit: AuditLog) -> None:
        self._clock = clock
        self._audit = audit

    async def find(self, tx: Transaction, user_id: UUID, client_id: str) -> Consent | None:
        """What a user allows a client, or None where they were never asked or took it back."""
        return await store.find(tx, user_id, client_id)

    async def remember(
        self,
        tx: Transaction,
        user_id: UUID,
        client_id: str,
        *,
        scopes: Collection[str],
        claims: Collection[str],
        actor: Actor,
        origin: Origin,
    ) -> Consent:
        """Add to what a user allows a client, and return all of it. The `actor` is that user.

        `claims` are the names of claims that were asked for one by one, by the `claims` parameter.
        """
        consent = await store.add(tx, user_id, client_id, scopes=scopes, claims=claims, now=self._clock.now())
        event = ConsentGranted(
            actor=actor,
            origin=origin,
            subject=actor.id,
            client_id=client_id,
            scopes=sorted(consent.scopes),
            claims=sorted(consent.claims),
        )
        await self._audit.record(tx, event)
        return consent

    async def list(self, tx: Transaction, user_id: UUID) -> list[Consent]:
        """All that a user allows, the oldest consent first."""
        return await store.list_of(tx, user_id)

    async def withdraw(
        self,
        tx: Transaction,
        user_id: UUID,
        client_id: str,
        *,
        subject: str,
        grants_ended: int,
        actor: Actor,
        origin: Origin,
    ) -> bool:
        """Take back all that a user allowed a client; False where that was nothing and no grant ended either.

        The caller has ended the client's grants, of which there were `grants_ended`.
        """
        removed = await store.remove(tx, user_id, client_id)
        if removed or grants_ended:
            event = ConsentWithdrawn(
                actor=actor, origin=origin, subject=subject, client_id=client_id, grants_ended=grants_ended
            )
            await self._audit.record(tx, event)
        return removed or bool(grants_ended)

    async def forget(self, tx: Transaction, user_id: UUID) -> None:
        """Delete what is kept of a user's consents."""
        await store.remove_all(tx, user_id)
