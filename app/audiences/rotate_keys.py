"""Rotating signing keys, and retiring them, as it fits every audience's tokens."""

from app.audiences.service import Audiences
from app.audit.event import Actor
from app.foundation.db import Database
from app.foundation.origin import Origin
from app.protocols.jose.algorithms import Algorithm
from app.signing_keys.rotate import Rotation
from app.signing_keys.service import SigningKeys
from app.signing_keys.withdraw import KeyWithdrawal


class SigningKeyRotation:
    """Rotates signing keys, for who knows of keys and not of tokens. `default_seconds` is an access token's life."""

    def __init__(
        self, db: Database, keys: SigningKeys, withdrawal: KeyWithdrawal, audiences: Audiences, *, default_seconds: int
    ) -> None:
        self._db = db
        self._keys = keys
        self._withdrawal = withdrawal
        self._audiences = audiences
        self._default_seconds = default_seconds

    async def rotate(
        self, algorithm: Algorithm | None, *, overlap_seconds: int | None, force: bool, actor: Actor, origin: Origin
    ) -> Rotation:
        """Let the next key sign. Raises what `SigningKeys.rotate` raises."""
        return await self._keys.rotate(
            algorithm,
            overlap_seconds=overlap_seconds,
            longest_token_seconds=await self._longest_token_seconds(),
            force=force,
            actor=actor,
            origin=origin,
        )

    async def retire(self, kid: str, *, actor: Actor, origin: Origin) -> None:
        """Take out a key that no honest token needs. Raises what `KeyWithdrawal.retire` raises."""
        longest = await self._longest_token_seconds()
        await self._withdrawal.retire(kid, longest_token_seconds=longest, actor=actor, origin=origin)

    async def _longest_token_seconds(self) -> int:
        async with self._db.transaction() as tx:
            audiences = await self._audiences.list_all(tx)
        own = (audience.access_token_seconds or 0 for audience in audiences)
        return max([self._default_seconds, *own])
