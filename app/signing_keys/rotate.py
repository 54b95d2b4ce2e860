"""Rotation: the next key signs, the former one verifies on, and a new next one is published."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.audit.event import Actor
from app.audit.service import AuditLog
from app.foundation.clock import Clock, rfc3339
from app.foundation.db import Database, Transaction
from app.foundation.origin import Origin
from app.protocols.jose.algorithms import Algorithm
from app.protocols.jose.claims import LEEWAY_SECONDS
from app.signing_keys import store
from app.signing_keys.errors import NoSigningKey, OverlapTooShort, RotationConflict
from app.signing_keys.establish import KeyEstablishment
from app.signing_keys.events import SigningKeyRotated
from app.signing_keys.keyset import KeyState
from app.signing_keys.material import KeyMaterial, generate
from app.signing_keys.store import StoredKey

DEFAULT_OVERLAP_SECONDS = 900

# Every process reads the key set each second. A key younger than this may be unknown to some of them, so that after
# two rotations in a row the former key signs until the new one has been published this long.
SETTLING = timedelta(seconds=2.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """What a rotation did. The active key signs from `signs_from`, the former one verifies until `retires_at`."""

    algorithm: Algorithm
    former_kid: str
    active_kid: str
    next_kid: str
    signs_from: datetime
    retires_at: datetime
    overlap_seconds: int


class KeyRotation:
    """Rotates the keys of one algorithm."""

    def __init__(
        self, db: Database, clock: Clock, audit: AuditLog, establishment: KeyEstablishment, *, jwks_max_age_seconds: int
    ) -> None:
        self._db = db
        self._clock = clock
        self._audit = audit
        self._establishment = establishment
        self._jwks_max_age_seconds = jwks_max_age_seconds

    async def rotate(
        self,
        algorithm: Algorithm,
        *,
        overlap_seconds: int | None,
        longest_token_seconds: int,
        force: bool,
        actor: Actor,
        origin: Origin,
    ) -> Rotation:
        """Rotate, and return what changed.

        Of two rotations at once the one that commits later raises RotationConflict and changes nothing. Raises
        OverlapTooShort unless `force`; without `overlap_seconds` the overlap is long enough by itself.
        """
        least = longest_token_seconds + self._jwks_max_age_seconds + LEEWAY_SECONDS
        overlap = max(DEFAULT_OVERLAP_SECONDS, least) if overlap_seconds is None else overlap_seconds
        self._check_overlap(overlap, least=least, longest_token_seconds=longest_token_seconds, force=force)
        async with self._db.transaction() as tx:
            before = await store.list_published(tx)
        active, following = (_only(before, algorithm, state) for state in (KeyState.ACTIVE, KeyState.NEXT))
        successor = await generate(algorithm)
        now = self._clock.now()
        # Who shortens the overlap wants the former key gone, a compromised one perhaps: it signs nothing more.
        signs_from = now if overlap < least else max(now, following.created_at + SETTLING)
        rotation = Rotation(
            algorithm=algorithm,
            former_kid=active.kid,
            active_kid=following.kid,
            next_kid=successor.kid,
            signs_from=signs_from,
            retires_at=signs_from + timedelta(seconds=overlap),
            overlap_seconds=overlap,
        )
        event = SigningKeyRotated(
            actor=actor,
            origin=origin,
            algorithm=algorithm.value,
            former_kid=active.kid,
            active_kid=following.kid,
            next_kid=successor.kid,
            retires_at=rfc3339(rotation.retires_at),
            forced=overlap < least,
        )
        async with self._db.transaction() as tx:
            await self._change(tx, rotation, successor)
            await self._audit.record(tx, event)
        return rotation

    async def _change(self, tx: Transaction, rotation: Rotation, successor: KeyMaterial) -> None:
        """Move each key only from the state it was seen in. Raises RotationConflict."""
        await store.lock(tx)
        retiring = await store.begin_retiring(tx, rotation.former_kid, retires_at=rotation.retires_at)
        if not (retiring and await store.activate(tx, rotation.active_kid, at=rotation.signs_from)):
            # Raised inside, so that a half done change is rolled back.
            raise RotationConflict(
                f"The {rotation.algorithm.value} key was rotated by someone else at this moment; nothing was changed."
            )
        await self._establishment.add(tx, successor, KeyState.NEXT)

    def _check_overlap(self, overlap: int, *, least: int, longest_token_seconds: int, force: bool) -> None:
        if overlap < 0:
            raise OverlapTooShort(
                "An overlap has no fewer than 0 seconds.", faults=[("/overlap_seconds", "at least 0")]
            )
        if overlap < least and not force:
            raise OverlapTooShort(
                f"An overlap of {overlap} seconds would refuse honest tokens. At least {least} seconds are needed: "
                f"{longest_token_seconds} that an access token lives, {self._jwks_max_age_seconds} that others keep "
                f"the published keys, and {LEEWAY_SECONDS} of leeway. To do it all the same, force it.",
                faults=[("/overlap_seconds", f"at least {least}")],
            )


def _only(stored: list[StoredKey], algorithm: Algorithm, state: KeyState) -> StoredKey:
    key = next((key for key in stored if key.algorithm is algorithm and key.state is state), None)
    if key is None:
        raise NoSigningKey(detail=f"no {state.value} key for {algorithm.value}")
    return key
