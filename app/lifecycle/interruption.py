"""Stopping everything that is under way in an account."""

from datetime import datetime

from app.apikeys.owner import KeyOwner
from app.apikeys.service import APIKeys
from app.audit.event import Actor
from app.foundation.db import Transaction
from app.foundation.origin import Origin
from app.lifecycle.provider_rights import ProviderRights
from app.links.service import PENDING, Links
from app.sessions.service import Sessions
from app.users.service import Users
from app.users.user import User


class Interruption:
    """Ends what somebody else may have begun: sessions, sign-ins in mid-flow, and links that change something."""

    def __init__(
        self,
        *,
        users: Users,
        sessions: Sessions,
        links: Links,
        api_keys: APIKeys,
        rights: ProviderRights,
    ) -> None:
        self._rights = rights
        self._api_keys = api_keys
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

    async def end_keys(self, tx: Transaction, user: User, *, reason: str, actor: Actor, origin: Origin) -> int:
        """Revoke every API key too, which a stranger may have made; return how many there were.

        `end_everything` comes before: whoever makes a key at this moment waits for the user's row, and then finds the
        session ended that asked for it.
        """
        owner = KeyOwner(id=user.sub, user_id=user.id)
        return await self._api_keys.revoke_all(tx, owner, reason=reason, actor=actor, origin=origin)

    async def end_identities(
        self, tx: Transaction, user: User, *, since: datetime, actor: Actor, origin: Origin
    ) -> int:
        """Unlink the identities that came to the account since then, by which a stranger may come back.

        What their providers' rules gave goes with them; the one that the account was made by stays. Returns how many
        went. The caller took a turn (`roles.rights`) before it held the user's row; then `end_everything` comes before,
        as for keys.
        """
        return await self._rights.unlink_since(tx, user, since, actor=actor, origin=origin)

    async def put_keys_to_sleep(self, tx: Transaction, user: User, *, reason: str) -> None:
        """Have API keys refused everywhere for as long as their owner may not act."""
        await self._api_keys.put_to_sleep(tx, KeyOwner(id=user.sub, user_id=user.id), reason=reason)

    async def forget_keys(self, tx: Transaction, user: User, *, reason: str, actor: Actor, origin: Origin) -> None:
        """Revoke every API key and delete what is kept of them."""
        await self.end_keys(tx, user, reason=reason, actor=actor, origin=origin)
        await self._api_keys.forget(tx, KeyOwner(id=user.sub, user_id=user.id))
