"""What happened at the door of one's own account."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from app.audit import history
from app.audit.event import Outcome
from app.audit.history import PastEntry
from app.foundation.db import Database, Transaction
from app.foundation.device import device_of
from app.foundation.principal import Principal
from app.login.events import LoginFailed
from app.sessions.events import SessionCreated

_TYPES = (SessionCreated.type, LoginFailed.type)
# Spec: RFC 8176 §2.
_FACTORS = {
    "pwd": "password",
    "otp": "one_time_code",
    "hwk": "passkey",
    "swk": "passkey",
    "email": "email_code",
}


class SignInResult(StrEnum):
    """How a try to sign in ended."""

    SIGNED_IN = "signed_in"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class PastSignIn:
    """A sign-in, or a try. `reason` says in words why it was refused."""

    id: UUID
    at: datetime
    result: SignInResult
    reason: str | None
    factors: tuple[str, ...]
    ip: str | None
    device: str | None
    audience: str | None


class SignInHistory:
    """The sign-ins to an account, from the audit log, as far back as that goes."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def list_own(self, caller: Principal, *, before: UUID | None, limit: int) -> list[PastSignIn]:
        """The caller's, newest first; what others tried on the account is among them."""
        async with self._db.transaction() as tx:
            return await self.list_of(tx, caller.sub, before=before, limit=limit)

    async def list_of(
        self, tx: Transaction, subject: str, *, before: UUID | None = None, limit: int
    ) -> list[PastSignIn]:
        """A subject's, newest first."""
        entries = await history.list_of(tx, subject, types=_TYPES, before=before, limit=limit)
        return [_as_sign_in(entry) for entry in entries]


def _as_sign_in(entry: PastEntry) -> PastSignIn:
    device = device_of(entry.user_agent)
    methods = entry.details.get("amr", ())
    factors = dict.fromkeys(_FACTORS[method] for method in methods if method in _FACTORS)
    refused = entry.outcome is Outcome.REFUSED
    return PastSignIn(
        id=entry.id,
        at=entry.at,
        result=SignInResult.REFUSED if refused else SignInResult.SIGNED_IN,
        reason=entry.details.get("reason") if refused else None,
        factors=tuple(factors),
        ip=entry.ip,
        device=device.words if device else None,
        audience=entry.details.get("audience"),
    )
