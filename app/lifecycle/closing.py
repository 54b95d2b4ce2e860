"""Closing one's account: taken back within a grace period, deleted for good after it."""

from datetime import timedelta
from urllib.parse import urlencode
from uuid import UUID

from app.audit.event import Actor, ActorKind
from app.foundation.clock import Clock
from app.foundation.db import Database
from app.foundation.mail.outbox import Mail, Outbox
from app.foundation.origin import Origin
from app.foundation.secrets import hash_secret, random_secret
from app.lifecycle import store
from app.lifecycle.service import UserLifecycle
from app.links.errors import InvalidLink
from app.links.service import Links
from app.users.service import Users
from app.users.user import User

RESTORE_PAGE = "/account/restore"
_BATCH = 100
# The longest that is looked up; a token of ours has 43 characters.
_MAX_TOKEN_CHARACTERS = 512


class AccountClosing:
    """Closes accounts for their owners, gives them back, and deletes them once the grace period is over.

    A closed account is refused everywhere like one that does not exist; only the mailed link, or an operator, brings
    it back. Without a `grace` accounts are deleted at once.
    """

    def __init__(
        self,
        db: Database,
        clock: Clock,
        lifecycle: UserLifecycle,
        *,
        users: Users,
        outbox: Outbox,
        links: Links,
        grace: timedelta,
    ) -> None:
        self._db = db
        self._clock = clock
        self._users = users
        self._lifecycle = lifecycle
        self._outbox = outbox
        self._links = links
        self._grace = grace

    async def close(self, user_id: UUID, *, actor: Actor, origin: Origin) -> None:
        """Close an account, end all that is under way in it, and mail the link that gives it back. Idempotent.

        Raises UserNotFound, LastAdministrator.
        """
        if not self._grace:
            await self._lifecycle.delete(user_id, actor=actor, origin=origin)
            return
        now, raw_token = self._clock.now(), random_secret()
        due_at = now + self._grace
        async with self._db.transaction() as tx:
            user = await self._lifecycle.close(tx, user_id, due_at=due_at, actor=actor, origin=origin)
            if user is None:
                return
            await store.put(tx, user_id, hash_secret(raw_token), now=now, due_at=due_at)
            url = f"{self._links.address(RESTORE_PAGE)}?{urlencode({'token': raw_token})}"
            mail = Mail(
                to=user.email,
                template="account_deletion",
                values={"at": due_at, "url": url},
                locale=user.locale,
                user_id=user.id,
            )
            await self._outbox.put(tx, mail)

    async def is_restorable(self, raw_token: str) -> bool:
        """Whether this token would give an account back; nothing changes."""
        if len(raw_token) > _MAX_TOKEN_CHARACTERS:
            return False
        async with self._db.transaction() as tx:
            user_id = await store.find(tx, hash_secret(raw_token), now=self._clock.now())
            user = None if user_id is None else await self._users.find(tx, user_id)
        return user is not None and user.is_closed

    async def restore(self, raw_token: str, origin: Origin) -> User:
        """Give an account back to whoever holds the mailed token, once. Nobody is signed in by it. Raises InvalidLink.

        One that an operator suspended in the meantime stays as it is.
        """
        if len(raw_token) > _MAX_TOKEN_CHARACTERS:
            raise InvalidLink
        token_hash, now = hash_secret(raw_token), self._clock.now()
        async with self._db.transaction() as tx:
            user_id = await store.find(tx, token_hash, now=now)
            user = None if user_id is None else await self._users.reopen(tx, user_id, origin=origin)
            # The user's row is held by now: whoever deletes, or takes back by the same token, has come or waits.
            if user is None or not await store.claim(tx, token_hash, now=now):
                raise InvalidLink
        return user

    async def delete_due(self, origin: Origin) -> int:
        """Delete for good what is due, each account in a transaction of its own; return how many."""
        deleted = 0
        while True:
            async with self._db.transaction() as tx:
                due = await store.list_due(tx, now=self._clock.now(), limit=_BATCH)
            for user_id in due:
                deleted += await self._delete(user_id, origin)
            if len(due) < _BATCH:
                return deleted

    async def _delete(self, user_id: UUID, origin: Origin) -> bool:
        async with self._db.transaction() as tx:
            user = await self._users.hold(tx, user_id)
            if not await store.claim_due(tx, user_id, now=self._clock.now()):
                return False
            if user is not None:
                await self._lifecycle.remove(tx, user_id, actor=Actor(ActorKind.USER, user.sub), origin=origin)
        return True
