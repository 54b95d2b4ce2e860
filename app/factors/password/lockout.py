"""The lockout: so many wrong passwords in a row, and the password alone opens the account no more.

The run of failures ends with any sign-in that succeeds, however it was proven: the failure that comes next finds
that sign-in in the audit log and counts from one. So a sign-in that succeeds writes nothing for it, and a mailed
code, a signed-in device or a new password open a locked account without knowing of the lock.
Spec: NIST SP 800-63B-4 §3.2.2.
"""

from uuid import UUID

from app.audit.event import Actor
from app.audit.service import AuditLog
from app.factors.password import store
from app.factors.password.events import AccountLocked, AccountUnlocked
from app.foundation.clock import Clock
from app.foundation.db import Transaction
from app.foundation.ids import new_id
from app.foundation.origin import Origin
from app.users.user import User

LOCKED = store.LOCKED
"""For a statement that finds who signs in: whether the account is locked. See the store."""

NOBODY = UUID(int=0)
"""No user's row id, which is looked up where there is no user. Its credential is one that `count` writes."""

# An unknown account's failure writes a row as a known one's does: otherwise the time of the answer tells them apart.
# Among many rows, because all who fail at one would wait for each other.
_NOBODIES = 1024


class Lockout:
    """Counts wrong passwords in a row. `most` of them lock an account."""

    def __init__(self, clock: Clock, audit: AuditLog, *, most: int) -> None:
        self._clock = clock
        self._audit = audit
        self.most = most

    async def count(self, tx: Transaction, user: User | None, *, actor: Actor, origin: Origin) -> None:
        """Count a wrong password, and record AccountLocked with the one that locks.

        None, for an unknown account, costs the same work and counts nothing.
        """
        now = self._clock.now()
        marker = new_id(now)
        if user is None:
            # The last bits of a UUIDv7 are random.
            await store.count_nobodys_failure(tx, UUID(int=marker.int % _NOBODIES), now=now, marker=marker)
            return
        failures = await store.count_failure(tx, user.id, sub=user.sub, marker=marker)
        if failures == self.most:
            event = AccountLocked(actor=actor, origin=origin, subject=user.sub, failures=failures)
            await self._audit.record(tx, event)

    async def lift(self, tx: Transaction, user: User, *, actor: Actor, origin: Origin) -> bool:
        """Forget a user's failures, and record AccountUnlocked if there were any."""
        lifted = await store.forget_failures(tx, user.id)
        if lifted:
            await self._audit.record(tx, AccountUnlocked(actor=actor, origin=origin, subject=user.sub))
        return lifted
