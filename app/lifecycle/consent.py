"""Taking a consent back: the client loses what it was allowed, at once and everywhere."""

from uuid import UUID

from app.audit.event import Actor
from app.consents.service import Consents
from app.foundation.db import Database
from app.foundation.origin import Origin
from app.grants.withdraw import GrantWithdrawal
from app.lifecycle.errors import ConsentNotFound
from app.sessions.service import Sessions
from app.users.service import Users


class ConsentWithdrawal:
    """Withdraws consents; each is one transaction."""

    def __init__(
        self, db: Database, *, users: Users, consents: Consents, grants: GrantWithdrawal, sessions: Sessions
    ) -> None:
        self._db = db
        self._users = users
        self._consents = consents
        self._grants = grants
        self._sessions = sessions

    async def withdraw(self, user_id: UUID, client_id: str, *, actor: Actor, origin: Origin) -> None:
        """Take back all that a user allowed a client, and end its grants and its sessions for offline access.

        The user stays signed in. Raises ConsentNotFound where the client was allowed nothing.
        """
        async with self._db.transaction() as tx:
            # Held, so that a client that redeems a code at this moment is either seen here or finds it spent.
            await self._users.hold(tx, user_id)
            sub = (await self._users.get(tx, user_id)).sub
            ended, offline = await self._grants.withdraw(tx, user_id, client_id)
            for sid in offline:
                await self._sessions.end(tx, sid, subject=sub, reason="consent_withdrawn", actor=actor, origin=origin)
            withdrawn = await self._consents.withdraw(
                tx, user_id, client_id, subject=sub, grants_ended=ended, actor=actor, origin=origin
            )
        if not withdrawn:
            raise ConsentNotFound("You have allowed this client nothing.")
