"""Our key pairs: the active one signs what we ask, and each opens what was encrypted for it.

The first is made for a deployment by whoever needs it first, so that every process and every release has the same.
What changes them afterwards is in `rotation`.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from app.federation.saml import store
from app.federation.saml.key_pair import KeyState, OwnKey, SealedKey, StoredKey, make_key, seal, unseal
from app.foundation.clock import Clock
from app.foundation.db import Database, Transaction
from app.foundation.encryption import Keyring
from app.foundation.ids import new_id

_KEPT = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class OwnKeySet:
    """The key pairs that count now."""

    active: OwnKey
    following: tuple[OwnKey, ...] = ()
    retiring: tuple[OwnKey, ...] = ()

    @property
    def published(self) -> list[x509.Certificate]:
        """Whose signatures are ours, or will be: a provider that reads them in time meets no unknown one."""
        return [key.certificate for key in (self.active, *self.following, *self.retiring)]

    @property
    def opening(self) -> list[RSAPrivateKey]:
        """What opens an assertion: whoever has not read our metadata again encrypts for a former one."""
        return [key.private_key for key in (self.active, *self.retiring, *self.following)]


class OwnKeys:
    """The key pairs of this deployment, as of the last minute."""

    def __init__(self, db: Database, clock: Clock, keyring: Keyring, *, public_url: str) -> None:
        self._db = db
        self._clock = clock
        self._keyring = keyring
        self._host = urlsplit(public_url).hostname or "localhost"
        self._read: tuple[datetime, OwnKeySet] | None = None

    async def current(self) -> OwnKeySet:
        """The key pairs that count. Makes the first one. Raises DatabaseUnavailable, DecryptionFailed."""
        now = self._clock.now()
        if self._read is not None and now - self._read[0] < _KEPT:
            return self._read[1]
        async with self._db.transaction() as tx:
            stored = await store.list_keys(tx)
        if not stored:
            stored = await self._establish()
        keys = self._opened([key for key in stored if not key.is_over(now)])
        self._read = (now, keys)
        return keys

    def forget(self) -> None:
        """Read them again when they are needed next: they have been changed."""
        self._read = None

    async def make(self) -> SealedKey:
        """A new key pair, which nobody has yet."""
        made = await asyncio.to_thread(make_key, self._host, self._clock.now())
        return seal(made, self._keyring)

    async def add(self, tx: Transaction, made: SealedKey, state: KeyState) -> StoredKey:
        """Store a new key pair."""
        now = self._clock.now()
        activated_at = now if state is KeyState.ACTIVE else None
        key = StoredKey(
            id=new_id(now), state=state, sealed=made, created_at=now, activated_at=activated_at, retires_at=None
        )
        await store.add_key(tx, key)
        return key

    async def _establish(self) -> list[StoredKey]:
        made = await self.make()
        async with self._db.transaction() as tx:
            await store.lock(tx)
            if not await store.list_keys(tx):
                await self.add(tx, made, KeyState.ACTIVE)
            return await store.list_keys(tx)

    def _opened(self, stored: Sequence[StoredKey]) -> OwnKeySet:
        keys = {
            state: tuple(unseal(key.sealed, self._keyring) for key in stored if key.state is state)
            for state in KeyState
        }
        [active, *older] = keys[KeyState.ACTIVE]
        return OwnKeySet(active, keys[KeyState.NEXT], (*older, *keys[KeyState.RETIRING]))
