"""Taking one key out of use: retiring it in good order, or revoking it because somebody else may have it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.audit.event import Actor
from app.audit.service import AuditLog
from app.foundation.clock import Clock, rfc3339
from app.foundation.db import Database, Transaction
from app.foundation.encryption import Keyring
from app.foundation.origin import Origin
from app.protocols.jose.claims import LEEWAY_SECONDS
from app.revocation.kinds import RevocationKind
from app.revocation.service import Revocations
from app.signing_keys import store
from app.signing_keys.errors import RotationConflict, SigningKeyInUse, SigningKeyNotFound
from app.signing_keys.establish import KeyEstablishment
from app.signing_keys.events import SigningKeyRetired, SigningKeyRevoked
from app.signing_keys.keyset import KeyDescription, KeyState
from app.signing_keys.material import KeyMaterial, generate
from app.signing_keys.service import SigningKeys

_GONE = (KeyState.RETIRED, KeyState.REVOKED)
_REPLACED = (KeyState.ACTIVE, KeyState.NEXT)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """One key's change of state, and the new `next` key where it leaves a gap."""

    key: KeyDescription
    to: KeyState
    spare: KeyMaterial | None


class KeyWithdrawal:
    """Retires and revokes keys. The private half is erased, and a key that is missed is replaced at once."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        keyring: Keyring,
        audit: AuditLog,
        *,
        revocations: Revocations,
        keys: SigningKeys,
    ) -> None:
        self._db = db
        self._clock = clock
        self._audit = audit
        self._establishment = KeyEstablishment(db, clock, keyring, audit)
        self._revocations = revocations
        self._keys = keys

    async def retire(self, kid: str, *, longest_token_seconds: int, actor: Actor, origin: Origin) -> None:
        """Take out a key that no honest token needs any more: the next one, or one that has long ceased to sign.

        Idempotent. Raises SigningKeyNotFound, SigningKeyInUse, RotationConflict.
        """
        keys = await self._keys.list_all()
        key = _named(keys, kid)
        if key.state in _GONE:
            return
        self._require_unused(key, keys, timedelta(seconds=longest_token_seconds + LEEWAY_SECONDS))
        step = _Step(key=key, to=KeyState.RETIRED, spare=await self._spare(key))
        async with self._db.transaction() as tx:
            await self._take_out(tx, step)
            await self._audit.record(
                tx, SigningKeyRetired(actor=actor, origin=origin, kid=kid, algorithm=key.algorithm.value)
            )
        await self._keys.refresh()

    async def revoke(self, kid: str, *, actor: Actor, origin: Origin) -> None:
        """Refuse from now on whatever this key has signed, honest or not; where it signed, the next one does.

        Idempotent. This process refuses at once, the others within a second. Raises SigningKeyNotFound,
        RotationConflict.
        """
        key = _named(await self._keys.list_all(), kid)
        if key.state is KeyState.REVOKED:
            return
        step = _Step(key=key, to=KeyState.REVOKED, spare=await self._spare(key))
        async with self._db.transaction() as tx:
            await self._take_out(tx, step)
            await self._revocations.add(tx, RevocationKind.KID, kid, reason="compromised")
            event = SigningKeyRevoked(
                actor=actor, origin=origin, kid=kid, algorithm=key.algorithm.value, state=key.state.value
            )
            await self._audit.record(tx, event)
        await self._keys.refresh()

    async def _spare(self, key: KeyDescription) -> KeyMaterial | None:
        # Generating takes long, so it is done before the transaction.
        return await generate(key.algorithm) if key.state in _REPLACED else None

    async def _take_out(self, tx: Transaction, step: _Step) -> None:
        """Move the key only from the state it was seen in, and fill its place. Raises RotationConflict."""
        now, key = self._clock.now(), step.key
        await store.lock(tx)
        moved = await store.take_out(tx, key.kid, seen=key.state, to=step.to, now=now)
        if moved and key.state is KeyState.ACTIVE:
            moved = await store.activate_next(tx, key.algorithm, at=now)
        if not moved:
            # Raised inside, so that a half done change is rolled back.
            raise RotationConflict("The key was changed by someone else at this moment; nothing was done.")
        if step.spare is not None:
            await self._establishment.add(tx, step.spare, KeyState.NEXT)

    def _require_unused(self, key: KeyDescription, keys: list[KeyDescription], needed_for: timedelta) -> None:
        if key.state is KeyState.NEXT:
            return
        if key.state is KeyState.ACTIVE:
            raise SigningKeyInUse("This key signs. Rotate first; or revoke it, if somebody else may have it.")
        until = _stopped_at(key, keys) + needed_for
        if self._clock.now() < until:
            raise SigningKeyInUse(
                f"Honest tokens of this key live until {rfc3339(until)}. If somebody else may have it, revoke it."
            )


def _named(keys: list[KeyDescription], kid: str) -> KeyDescription:
    key = next((key for key in keys if key.kid == kid), None)
    if key is None:
        raise SigningKeyNotFound
    return key


def _stopped_at(key: KeyDescription, keys: list[KeyDescription]) -> datetime:
    """When a retiring key signed its last token: when the one after it became active."""
    began = key.activated_at or key.created_at
    later = [
        other.activated_at
        for other in keys
        if other.algorithm is key.algorithm and other.activated_at is not None and other.activated_at > began
    ]
    return min(later, default=began)
