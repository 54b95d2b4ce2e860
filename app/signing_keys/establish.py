"""Making sure that key sets exist: generating what is missing, importing what the operator gives."""

import logging
from collections.abc import Collection, Sequence

from app.audit.event import SYSTEM
from app.audit.service import AuditLog
from app.foundation.clock import Clock
from app.foundation.db import Database, Transaction
from app.foundation.encryption import DecryptionFailed, Keyring, UnknownKey
from app.foundation.errors import StartupRefused
from app.foundation.ids import new_id
from app.foundation.origin import Origin
from app.foundation.secrets import random_bytes
from app.protocols.jose.algorithms import Algorithm
from app.signing_keys import store
from app.signing_keys.events import SigningKeyCreated
from app.signing_keys.keyset import KeyState
from app.signing_keys.material import KeyMaterial, generate, seal, unseal
from app.signing_keys.store import StoredKey

_logger = logging.getLogger(__name__)


class KeyEstablishment:
    """Brings every algorithm in use to one active and one next key, by however many processes at once."""

    def __init__(self, db: Database, clock: Clock, keyring: Keyring, audit: AuditLog) -> None:
        self._db = db
        self._clock = clock
        self._keyring = keyring
        self._audit = audit

    async def establish(self, algorithms: Collection[Algorithm], *, given: KeyMaterial | None = None) -> None:
        """Create the keys that are missing, in one transaction, and import `given` if it was never seen.

        Raises StartupRefused, before anything is created, when a stored key cannot be decrypted.
        """
        async with self._db.transaction() as tx:
            stored = await store.list_published(tx)
            is_new = given is not None and not await store.knows(tx, given.kid)
        check_decryptable(stored, self._keyring)
        wanted = {*algorithms, *(key.algorithm for key in stored)}
        missing = _missing(stored, wanted)
        if not missing and not is_new:
            return
        # Generating takes long, so it is done before the transaction; what another process made first is thrown away.
        spare = {place: await generate(place[0]) for place in missing}
        async with self._db.transaction() as tx:
            await store.lock(tx)
            if given is not None:
                await self._import(tx, given)
            for algorithm, state in _missing(await store.list_published(tx), wanted):
                await self.add(tx, spare[algorithm, state], state)

    async def add(self, tx: Transaction, material: KeyMaterial, state: KeyState, *, imported: bool = False) -> None:
        """Store a new key in that state and record its creation."""
        now = self._clock.now()
        await store.add(
            tx,
            row_id=new_id(now),
            kid=material.kid,
            algorithm=material.algorithm,
            state=state,
            public_jwk=material.public_jwk,
            sealed=seal(material, self._keyring),
            now=now,
        )
        created = SigningKeyCreated(
            actor=SYSTEM,
            origin=own_origin(),
            kid=material.kid,
            algorithm=material.algorithm.value,
            state=state.value,
            imported=imported,
        )
        await self._audit.record(tx, created)

    async def _import(self, tx: Transaction, given: KeyMaterial) -> None:
        """Take the operator's key in, once: a rotation that followed is not undone by the next start."""
        if await store.knows(tx, given.kid):
            return
        stored = await store.list_published(tx)
        if not any(key.algorithm is given.algorithm and key.state is KeyState.ACTIVE for key in stored):
            await self.add(tx, given, KeyState.ACTIVE, imported=True)
            _logger.info("imported the key %s of JWT__PRIVATE_KEY_PEM; it signs from now on", given.kid)
            return
        await store.retire_next(tx, given.algorithm, self._clock.now())
        await self.add(tx, given, KeyState.NEXT, imported=True)
        _logger.info(
            "imported the key %s of JWT__PRIVATE_KEY_PEM as the next one, since another signs already. "
            "To sign with it: auth-service rotate-signing-key --algorithm %s",
            given.kid,
            given.algorithm.value,
        )


def check_decryptable(stored: Sequence[StoredKey], keyring: Keyring) -> None:
    """Refuse to go on without the key that encrypted the stored ones. Raises StartupRefused."""
    for key in stored:
        try:
            unseal(key.sealed, keyring, kid=key.kid)
        except UnknownKey as error:
            raise StartupRefused(
                "ENCRYPTION__KEYS does not hold the key that encrypted the stored signing keys "
                f"({key.algorithm.value} {key.kid}, {key.state.value}). Put that key back into the list; the first "
                "key of the list encrypts, all of them decrypt."
            ) from error
        except DecryptionFailed as error:
            raise StartupRefused(
                f"The stored signing key {key.kid} ({key.algorithm.value}, {key.state.value}) was altered: it does not "
                "decrypt with the key of ENCRYPTION__KEYS that encrypted it. Restore the database from a backup."
            ) from error


def own_origin() -> Origin:
    """The origin of what the service does by itself."""
    return Origin(ip=None, user_agent=None, trace_id=random_bytes(16).hex())


def _missing(stored: Sequence[StoredKey], wanted: Collection[Algorithm]) -> list[tuple[Algorithm, KeyState]]:
    present = {(key.algorithm, key.state) for key in stored}
    places = ((algorithm, state) for algorithm in Algorithm for state in (KeyState.ACTIVE, KeyState.NEXT))
    return [place for place in places if place[0] in wanted and place not in present]
