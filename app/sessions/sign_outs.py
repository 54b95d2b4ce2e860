"""Signing out: sessions that end at one moment end in one transaction, and each who asked is answered after it.

When a service restarts its front end, or the working day ends, sign-outs come by the hundred a second, each with an
audit entry, an event and a revocation. Together they cost one commit and four statements.
"""

from collections.abc import Sequence
from dataclasses import replace

from app.foundation.db import Database
from app.foundation.gathering import WRITING, Gathering
from app.sessions.service import Sessions, SignOut

# What a second sign-out of one moment waits for others: of the second in which everybody refuses it, a fiftieth.
APART_SECONDS = 0.02
REASON = "logout"


class SignOuts:
    """Ends sessions, each by the wish of its own user."""

    def __init__(self, db: Database, sessions: Sessions) -> None:
        self._db = db
        self._sessions = sessions
        self._commit = Gathering[SignOut, bool](self._write, replace(WRITING, apart_seconds=APART_SECONDS))

    async def end(self, asked: SignOut) -> bool:
        """End a session; False where it was not live. Committed when it returns. Raises DatabaseUnavailable."""
        return await self._commit.ask(asked)

    async def _write(self, asked: Sequence[SignOut]) -> Sequence[bool]:
        async with self._db.transaction() as tx:
            ended = await self._sessions.end_each(tx, asked, reason=REASON)
        return [each.sid in ended for each in asked]
