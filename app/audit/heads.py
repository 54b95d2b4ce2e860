"""Signed heads: the end of the chain at a moment, in a form that nobody can make without one of our keys."""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg

from app.audit.settings import AuditSettings
from app.foundation.clock import Clock
from app.foundation.errors import ServiceError

HEAD_TYP = "audit-head+jwt"
_LOOK_SECONDS = 1.0

Sign = Callable[[Mapping[str, object]], str]
"""Makes a compact JWS of our type. Raises ServiceError where no key can sign."""

_END = """
    SELECT c.number, c.hash, h.number AS signed_number, h.signed_at FROM audit_chain c
    LEFT JOIN LATERAL (SELECT number, signed_at FROM audit_heads ORDER BY number DESC LIMIT 1) h ON true
    WHERE c.id = 1
    """
_KEEP = "INSERT INTO audit_heads (number, hash, signed_at, jws) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What a signed head says: after `number` entries the chain ended in `hash`, at that moment."""

    number: int
    hash: bytes
    at: datetime

    def claims(self, issuer: str) -> dict[str, object]:
        """The members of the JWS."""
        encoded = base64.urlsafe_b64encode(self.hash).rstrip(b"=").decode("ascii")
        return {"iss": issuer, "iat": int(self.at.timestamp()), "number": self.number, "hash": encoded}

    @classmethod
    def of_claims(cls, claims: Mapping[str, object]) -> "Head":
        """The head that claims speak of. Raises ValueError."""
        number, encoded, at = claims.get("number"), claims.get("hash"), claims.get("iat")
        match number, encoded, at:
            case int(), str(), int():
                try:
                    own = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
                    return cls(number=number, hash=own, at=datetime.fromtimestamp(at, UTC))
                except (binascii.Error, OverflowError, OSError):
                    pass
        raise ValueError("its claims are not those of a head")


class HeadSigning:
    """Signs the end of the chain every so many seconds or entries."""

    def __init__(self, clock: Clock, sign: Sign, settings: AuditSettings, *, issuer: str) -> None:
        self._clock = clock
        self._sign = sign
        self._issuer = issuer
        self._entries = settings.head_entries
        self._every = timedelta(seconds=settings.head_seconds)
        self._look_seconds = min(_LOOK_SECONDS, settings.head_seconds)
        self._due_at = 0.0

    async def step(self, connection: "asyncpg.Connection", now: float) -> None:
        """Sign what is due, on the connection that holds the lock. `now` counts seconds."""
        if now < self._due_at:
            return
        self._due_at = now + self._look_seconds
        end = await connection.fetchrow(_END)
        if end is None or not self._is_due(end):
            return
        head = Head(number=end["number"], hash=end["hash"], at=self._clock.now())
        try:
            jws = self._sign(head.claims(self._issuer))
        except ServiceError:
            # There is no key at this moment; the next look tries again.
            return
        await connection.execute(_KEEP, head.number, head.hash, head.at, jws)

    def _is_due(self, end: asyncpg.Record) -> bool:
        if end["signed_number"] is None:
            return bool(end["number"])
        new: int = end["number"] - end["signed_number"]
        signed_at: datetime = end["signed_at"]
        return new >= self._entries or (new > 0 and self._clock.now() - signed_at >= self._every)
