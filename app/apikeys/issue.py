"""Making API keys: new ones, and successors of old ones."""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from app.apikeys import store
from app.apikeys.errors import APIKeyLimit, APIKeyNotFound, APIKeyOver, ScopeNotHeld, UnknownScope
from app.apikeys.events import APIKeyCreated, APIKeyRotated
from app.apikeys.key import APIKey, KeyState, NewAPIKey, key_of
from app.apikeys.owner import Holdings, KeyOwner
from app.apikeys.rules import KEPT_ANSWERS, KeyDefinition, checked
from app.audiences.service import AudienceView
from app.audit.event import Actor
from app.audit.service import AuditLog
from app.foundation.clock import Clock
from app.foundation.db import Transaction
from app.foundation.ids import new_id
from app.foundation.origin import Origin
from app.foundation.secrets import hash_secret, random_base62
from app.protocols import api_key
from app.revocation.kinds import RevocationKind
from app.revocation.service import Revocations


class APIKeyIssuance:
    """The one way to an API key; in the caller's transaction.

    `within` are the scopes that whoever asks may use themselves, where those are fewer than the owner's: the session
    that makes a key opens no more by it.
    """

    def __init__(
        self, clock: Clock, audit: AuditLog, revocations: Revocations, holdings: Holdings, *, per_owner: int
    ) -> None:
        self._clock = clock
        self._audit = audit
        self._revocations = revocations
        self._holdings = holdings
        self._per_owner = per_owner

    async def issue(
        self,
        tx: Transaction,
        definition: KeyDefinition,
        *,
        owner: KeyOwner,
        audience: AudienceView,
        within: Collection[str] | None = None,
        actor: Actor,
        origin: Origin,
    ) -> NewAPIKey:
        """Make a key and return its only showing.

        Raises InvalidAPIKeyDefinition, UnknownScope, ScopeNotHeld, APIKeyLimit, ClientNotFound.
        """
        now = self._clock.now()
        wanted = checked(definition, now=now)
        if not set(wanted.scopes) <= set(audience.scopes):
            raise UnknownScope("The audience has no scope of that name.")
        await self._require_held(tx, wanted.scopes, owner=owner, audience=audience, within=within)
        await store.hold_owner(tx, owner.id)
        if await store.count_live(tx, owner.keys, now=now) >= self._per_owner:
            raise APIKeyLimit(f"There can be {self._per_owner} API keys of one owner. Revoke one that is not used.")
        made = await self._write(tx, wanted, owner=owner, audience=audience.name, now=now)
        event = APIKeyCreated(
            actor=actor,
            origin=origin,
            subject=owner.id,
            key_id=made.key.id,
            name=wanted.name,
            audience=audience.aud,
            scopes=list(wanted.scopes),
        )
        await self._audit.record(tx, event)
        return made

    async def rotate(
        self,
        tx: Transaction,
        row_id: UUID,
        *,
        owner: KeyOwner | None = None,
        overlap: timedelta,
        within: Collection[str] | None = None,
        actor: Actor,
        origin: Origin,
    ) -> NewAPIKey:
        """Make a key with the same rights and life beside one that counts; both do until the overlap ends.

        With an `owner` only a key of theirs. Raises APIKeyNotFound, APIKeyOver, ScopeNotHeld.
        """
        now = self._clock.now()
        await store.hold(tx, row_id)
        row = await store.find(tx, row_id, None if owner is None else owner.keys)
        if row is None:
            raise APIKeyNotFound
        old = key_of(row, now=now)
        _require_rotatable(old)
        if within is not None and not set(old.scopes) <= set(within):
            raise ScopeNotHeld("The key has scopes that this session was not signed in for.")
        definition = KeyDefinition(
            name=old.name, scopes=old.scopes, networks=old.networks, expires_at=_renewed(old, now)
        )
        whose = KeyOwner(id=old.owner, user_id=old.user_id)
        made = await self._write(tx, definition, owner=whose, audience=old.audience, now=now)
        await store.replace(tx, old.row_id, made.key.row_id, expires_at=now + overlap)
        if overlap < KEPT_ANSWERS:
            # Services keep an answer longer than the key now lives: they are to ask again, and are told its end.
            kept_until = now + KEPT_ANSWERS
            await self._revocations.add(tx, RevocationKind.API_KEY, old.id, reason="rotated", expires_at=kept_until)
        event = APIKeyRotated(
            actor=actor,
            origin=origin,
            subject=old.owner,
            key_id=old.id,
            successor_id=made.key.id,
            name=old.name,
            overlap_seconds=int(overlap.total_seconds()),
        )
        await self._audit.record(tx, event)
        return made

    async def _require_held(
        self,
        tx: Transaction,
        scopes: Collection[str],
        *,
        owner: KeyOwner,
        audience: AudienceView,
        within: Collection[str] | None,
    ) -> None:
        held = await self._holdings.scopes(tx, owner, audience)
        if within is not None:
            held &= set(within)
        missing = sorted(set(scopes) - held)
        if missing:
            raise ScopeNotHeld(f"Not held here: {' '.join(missing)}.")

    async def _write(
        self, tx: Transaction, definition: KeyDefinition, *, owner: KeyOwner, audience: str, now: datetime
    ) -> NewAPIKey:
        row_id = new_id(now)
        raw_key = api_key.write(row_id, random_base62(api_key.SECRET_CHARACTERS))
        values = {
            "id": row_id,
            "key_hash": hash_secret(raw_key),
            "name": definition.name,
            "user_id": owner.user_id,
            "client_id": owner.id if owner.user_id is None else None,
            "audience": audience,
            "scopes": list(definition.scopes),
            "networks": list(definition.networks),
            "created_at": now,
            "expires_at": definition.expires_at,
        }
        await store.add(tx, values)
        row = await store.find(tx, row_id)
        if row is None:
            raise APIKeyNotFound
        return NewAPIKey(key=key_of(row, now=now), raw_key=raw_key)


def _require_rotatable(key: APIKey) -> None:
    if key.state in {KeyState.REVOKED, KeyState.EXPIRED}:
        raise APIKeyOver("It counts no more. Make a new one.")
    if key.successor_id is not None:
        raise APIKeyOver("It was rotated already. Rotate the key that took its place.")


def _renewed(key: APIKey, now: datetime) -> datetime | None:
    """A successor lives as long as its predecessor was to live."""
    return None if key.expires_at is None else now + (key.expires_at - key.created_at)
