"""Looking at the stored keys without changing or holding any: for the operator's diagnosis."""

from dataclasses import dataclass
from datetime import datetime

from app.foundation.db import Transaction
from app.foundation.encryption import DecryptionFailed, Keyring, UnknownKey
from app.protocols.jose.algorithms import Algorithm
from app.signing_keys import store
from app.signing_keys.keyset import KeyState
from app.signing_keys.material import unseal


@dataclass(frozen=True, slots=True, kw_only=True)
class ExaminedKey:
    """A published key. `damage` says why it cannot be decrypted, None where it can."""

    kid: str
    algorithm: Algorithm
    state: KeyState
    retires_at: datetime | None
    damage: str | None


async def examine(tx: Transaction, keyring: Keyring) -> list[ExaminedKey]:
    """The next, active and retiring keys, oldest first, each decrypted once to see whether it can be."""
    return [
        ExaminedKey(
            kid=key.kid,
            algorithm=key.algorithm,
            state=key.state,
            retires_at=key.retires_at,
            damage=_damage(key, keyring),
        )
        for key in await store.list_published(tx)
    ]


def _damage(key: store.StoredKey, keyring: Keyring) -> str | None:
    try:
        unseal(key.sealed, keyring, kid=key.kid)
    except UnknownKey:
        return "ENCRYPTION__KEYS does not hold the key that encrypted it"
    except DecryptionFailed:
        return "it was altered since it was encrypted"
    return None
