"""Letting one key pair of ours follow another, so that no provider ever meets an unknown one.

A next one is published; providers read our metadata again; then it signs, and the former one opens for a while what
those encrypt who have not read it since.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from app.audit.event import Actor
from app.audit.service import AuditLog
from app.federation.saml import store
from app.federation.saml.errors import (
    NextSAMLKeyExists,
    SAMLKeyInUse,
    SAMLKeyNotFound,
    SAMLKeyNotReady,
    SAMLOverlapTooShort,
)
from app.federation.saml.events import SAMLKeyPublished, SAMLKeyRetired, SAMLKeyRotated
from app.federation.saml.key_pair import KeyState, StoredKey
from app.federation.saml.keys import OwnKeys
from app.foundation.clock import Clock, rfc3339
from app.foundation.db import Database, Transaction
from app.foundation.origin import Origin
from app.protocols.saml.certificates import fingerprint

# ADFS reads the metadata of its partners once a day, and others more often; one reading may fail.
PUBLISHED_BEFORE = timedelta(days=2)
LEAST_OVERLAP = timedelta(days=2)
DEFAULT_OVERLAP = timedelta(days=14)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyDescription:
    """A key pair, without its private half. A next one may sign from `ready_at` on."""

    fingerprint: str
    state: KeyState
    certificate: str
    created_at: datetime
    ready_at: datetime | None
    activated_at: datetime | None
    retires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """What a rotation did."""

    former: str
    active: str
    retires_at: datetime


class SAMLKeyRotation:
    """Publishes, rotates and retires key pairs, each act one transaction; those at once take turns."""

    def __init__(self, db: Database, clock: Clock, audit: AuditLog, keys: OwnKeys) -> None:
        self._db = db
        self._clock = clock
        self._audit = audit
        self._keys = keys

    async def list(self) -> Sequence[KeyDescription]:
        """Every key pair that counts, the newest first. Makes the first one."""
        await self._keys.current()
        now = self._clock.now()
        async with self._db.transaction() as tx:
            return [_described(key) for key in await store.list_keys(tx) if not key.is_over(now)]

    async def publish(self, *, actor: Actor, origin: Origin) -> KeyDescription:
        """Make the next key pair and publish it. Raises NextSAMLKeyExists where there is one."""
        await self._keys.current()
        made = await self._keys.make()
        async with self._db.transaction() as tx:
            await store.lock(tx)
            if _of(await store.list_keys(tx), KeyState.NEXT):
                raise NextSAMLKeyExists("Rotate to it, or retire it first.")
            described = _described(await self._keys.add(tx, made, KeyState.NEXT))
            event = SAMLKeyPublished(actor=actor, origin=origin, fingerprint=described.fingerprint)
            await self._audit.record(tx, event)
        self._keys.forget()
        return described

    async def rotate(self, *, overlap: timedelta | None, force: bool, actor: Actor, origin: Origin) -> Rotation:
        """Let the next key pair sign, and the former one open on for `overlap`.

        With `force` without any wait, and by a new key pair where none is published: for one that somebody else may
        have. Raises SAMLOverlapTooShort, SAMLKeyNotReady.
        """
        kept = DEFAULT_OVERLAP if overlap is None else overlap
        if kept < LEAST_OVERLAP and not force:
            raise SAMLOverlapTooShort(
                f"Providers that read our metadata once a day need {LEAST_OVERLAP.days} days. "
                "To do it all the same, force it.",
                faults=[("/overlap_seconds", f"at least {LEAST_OVERLAP // timedelta(seconds=1)}")],
            )
        await self._keys.current()
        made = await self._keys.make() if force else None
        now = self._clock.now()
        async with self._db.transaction() as tx:
            await store.lock(tx)
            stored = await store.list_keys(tx)
            former, following = _of(stored, KeyState.ACTIVE), _of(stored, KeyState.NEXT)
            if following and not force:
                _require_known(following[0], now)
            elif not following:
                if made is None:
                    raise SAMLKeyNotReady("Publish the next one first, or force it.")
                following = [await self._keys.add(tx, made, KeyState.NEXT)]
            done = await self._swapped(tx, former[0], following[0], retires_at=now + kept)
            event = SAMLKeyRotated(
                actor=actor,
                origin=origin,
                former=done.former,
                active=done.active,
                retires_at=rfc3339(done.retires_at),
                forced=force,
            )
            await self._audit.record(tx, event)
        self._keys.forget()
        return done

    async def retire(self, wanted: str, *, force: bool, actor: Actor, origin: Origin) -> None:
        """Take out a next key pair, or with `force` one that opens still. Raises SAMLKeyNotFound, SAMLKeyInUse."""
        async with self._db.transaction() as tx:
            await store.lock(tx)
            found = next((key for key in await store.list_keys(tx) if _fingerprint(key) == wanted), None)
            if found is None:
                raise SAMLKeyNotFound
            if found.state is KeyState.ACTIVE:
                raise SAMLKeyInUse("It signs. Rotate to another one first.")
            if found.state is KeyState.RETIRING and not found.is_over(self._clock.now()) and not force:
                raise SAMLKeyInUse("It opens what providers may still encrypt for it, until its end. Or force it.")
            await store.remove_key(tx, found.id)
            event = SAMLKeyRetired(actor=actor, origin=origin, fingerprint=wanted, state=found.state.value)
            await self._audit.record(tx, event)
        self._keys.forget()

    async def _swapped(
        self, tx: Transaction, former: StoredKey, following: StoredKey, *, retires_at: datetime
    ) -> Rotation:
        await store.begin_retiring(tx, former.id, retires_at=retires_at)
        await store.activate(tx, following.id, at=self._clock.now())
        return Rotation(former=_fingerprint(former), active=_fingerprint(following), retires_at=retires_at)


def _of(stored: Sequence[StoredKey], state: KeyState) -> list[StoredKey]:
    return [key for key in stored if key.state is state]


def _require_known(following: StoredKey, now: datetime) -> None:
    if now < following.created_at + PUBLISHED_BEFORE:
        ready_at = rfc3339(following.created_at + PUBLISHED_BEFORE)
        raise SAMLKeyNotReady(f"Providers that read our metadata once a day know it from {ready_at} on. Or force it.")


def _certificate(key: StoredKey) -> x509.Certificate:
    return x509.load_der_x509_certificate(key.sealed.certificate)


def _fingerprint(key: StoredKey) -> str:
    return fingerprint(_certificate(key))


def _described(key: StoredKey) -> KeyDescription:
    return KeyDescription(
        fingerprint=_fingerprint(key),
        state=key.state,
        certificate=_certificate(key).public_bytes(Encoding.PEM).decode("ascii"),
        created_at=key.created_at,
        ready_at=key.created_at + PUBLISHED_BEFORE if key.state is KeyState.NEXT else None,
        activated_at=key.activated_at,
        retires_at=key.retires_at,
    )
