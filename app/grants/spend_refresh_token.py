"""Spending a refresh token for its successor: what is asked of the database, and the successor's secret."""

from typing import NamedTuple
from uuid import UUID

import asyncpg

from app.audit.event import Actor, ActorKind
from app.audit.service import AuditLog, alarmed
from app.foundation.clock import Clock
from app.foundation.db import Database
from app.foundation.encryption import Keyring, UnknownKey
from app.foundation.ids import new_id
from app.foundation.secrets import hash_secret, random_bytes
from app.grants.errors import InvalidRefreshToken
from app.grants.events import TokenRefreshed
from app.grants.refresh_token import SUCCESSOR_PURPOSE, PresentedToken, successor_secret
from app.grants.rotate_statements import ROTATE, ROTATE_MANY
from app.grants.rotation import RefreshRequest, RotationLifetimes
from app.grants.spending import SharedSpending

SALT_BYTES = 32

_SOMEBODY = Actor(ActorKind.USER)


class Spent(NamedTuple):
    """The row of the grant whose token was spent, and the id and secret of the successor."""

    row: asyncpg.Record
    successor_id: UUID
    raw_successor: str


class RefreshTokenSpending:
    """Spends tokens by one compare-and-set statement, alone or with those of other requests."""

    def __init__(
        self, db: Database, clock: Clock, *, audit: AuditLog, keyring: Keyring, lifetimes: RotationLifetimes
    ) -> None:
        self._db = db
        self._clock = clock
        self._audit = audit
        self._keyring = keyring
        self._lifetime = lifetimes.refresh
        self._shared = SharedSpending(db, clock, ROTATE_MANY, key="token_id", lifetimes=[lifetimes.refresh])

    async def spend(self, presented: PresentedToken, request: RefreshRequest) -> Spent | None:
        """Spend a token; None where another came first or it is no good. Raises DatabaseUnavailable."""
        salt, successor_id = random_bytes(SALT_BYTES), new_id(self._clock.now())
        raw_successor = self._secret(presented, salt, successor_id, self._keyring.current_id)
        # In the order of the parameters of ROTATE.
        asked = {
            "token_id": presented.id,
            "secret_hash": presented.secret_hash,
            "asking": request.client_id,
            "version": request.version,
            "salt": salt,
            "key_id": self._keyring.current_id,
            "successor_id": successor_id,
            "successor_hash": hash_secret(raw_successor),
        }
        entry = self._audit.values(TokenRefreshed(actor=_SOMEBODY, origin=request.origin))
        told = {"entry_id": entry.id, "ip": entry.ip, "user_agent": entry.user_agent, "trace_id": entry.trace_id}
        with alarmed():
            row = await self._shared.spend({**asked, **told})
            if row is None:
                now = self._clock.now()
                row = await self._db.fetchrow(ROTATE, *asked.values(), now, self._lifetime, *entry)
        return None if row is None else Spent(row, successor_id, raw_successor)

    def successor_of(self, presented: PresentedToken, row: asyncpg.Record) -> Spent:
        """The same successor again, of a token that `row` says was spent before. Raises InvalidRefreshToken."""
        try:
            raw_successor = self._secret(presented, row["salt"], row["successor_id"], row["key_id"])
        except UnknownKey as error:
            raise InvalidRefreshToken(detail="the successor's encryption key is no longer configured") from error
        return Spent(row, row["successor_id"], raw_successor)

    def _secret(self, presented: PresentedToken, salt: bytes, successor_id: UUID, key_id: str) -> str:
        key = self._keyring.derive(SUCCESSOR_PURPOSE, key_id=key_id)
        return successor_secret(key, salt=salt, spent_secret=presented.raw_secret, successor_id=successor_id)
