"""Stopping everything that is under way in an account."""

from app.audit.event import Actor
from app.foundation.db import Transaction
from app.foundation.origin import Origin
from app.links.service import PENDING, Links
from app.sessions.service import Sessions
from app.users.service import Users
from app.users.user import User


class Interruption:
    """Ends what somebody else may have begun: sessions, sign-ins in mid-flow, and links that change something."""

    def __init__(self, *, users: Users, sessions: Sessions, links: Links) -> None:
        self._users = users
        self._sessions = sessions
        self._links = links

    async def end_everything(self, tx: Transaction, user: User, *, reason: str, actor: Actor, origin: Origin) -> int:
        """End all of it at once and return how many sessions there were.

        The user's row comes first: challenges of every kind remember its version of the credentials, and a sign-in at
        the same moment waits for this row or finds it changed.
        """
        await self._users.note_changed_credentials(tx, user.id)
        ended = await self._sessions.end_all(tx, user.id, subject=user.sub, reason=reason, actor=actor, origin=origin)
        await self._links.end(tx, user.id, *PENDING)
        return ended
