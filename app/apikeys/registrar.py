"""What administrators and operators do with API keys; each use case is one transaction."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from app.apikeys.errors import APIKeyNotFound, UsersOwnKey
from app.apikeys.issue import APIKeyIssuance
from app.apikeys.key import APIKey, NewAPIKey, OwnerKind
from app.apikeys.owner import KeyOwner
from app.apikeys.rules import KeyDefinition
from app.apikeys.service import APIKeys
from app.audiences.service import Audiences
from app.audit.event import Actor
from app.clients.rules import is_client_id
from app.clients.service import Clients
from app.foundation.db import Database
from app.foundation.origin import Origin
from app.protocols import api_key
from app.users.service import Users


class APIKeyRegistrar:
    """Looks after everybody's keys, and makes those of clients: a user's key is made by its user alone."""

    def __init__(
        self,
        db: Database,
        *,
        keys: APIKeys,
        issuance: APIKeyIssuance,
        users: Users,
        clients: Clients,
        audiences: Audiences,
        overlap: timedelta,
    ) -> None:
        self._db = db
        self._keys = keys
        self._issuance = issuance
        self._users = users
        self._clients = clients
        self._audiences = audiences
        self._overlap = overlap

    async def list(
        self, *, owner: str | None = None, audience: str | None = None, before: UUID | None = None, limit: int
    ) -> Sequence[APIKey]:
        """Keys, newest first; `owner` is a subject or a client id, `audience` a stored name. Unknown ones have none."""
        async with self._db.transaction() as tx:
            whose: KeyOwner | None = None
            if owner is not None and is_client_id(owner):
                whose = KeyOwner(id=owner)
            elif owner is not None:
                user = await self._users.find_by_sub(tx, owner)
                if user is None:
                    return []
                whose = KeyOwner(id=user.sub, user_id=user.id)
            return await self._keys.list(tx, owner=whose, audience=audience, before=before, limit=limit)

    async def get(self, key_id: str) -> APIKey:
        """A key by its id. Raises APIKeyNotFound."""
        async with self._db.transaction() as tx:
            return await self._keys.get(tx, key_id)

    async def create_for_client(
        self, client_id: str, definition: KeyDefinition, audience: str | None, *, actor: Actor, origin: Origin
    ) -> NewAPIKey:
        """Make a key of a client. Raises ClientNotFound, InvalidTarget, and what `APIKeyIssuance.issue` raises."""
        view = await self._audiences.resolve(audience)
        async with self._db.transaction() as tx:
            # The row is held, so that no key is made for a client that is removed at this moment.
            await self._clients.lock(tx, client_id)
            return await self._issuance.issue(
                tx, definition, owner=KeyOwner(id=client_id), audience=view, actor=actor, origin=origin
            )

    async def rotate_for_client(
        self, key_id: str, *, overlap: timedelta | None, actor: Actor, origin: Origin
    ) -> NewAPIKey:
        """Make the successor of a client's key. Raises UsersOwnKey, and what `APIKeyIssuance.rotate` raises."""
        async with self._db.transaction() as tx:
            key = await self._keys.get(tx, key_id)
            if key.owner_kind is OwnerKind.USER:
                raise UsersOwnKey("Whoever rotated it would hold a credential of its user. Revoke it instead.")
            return await self._issuance.rotate(
                tx,
                key.row_id,
                overlap=self._overlap if overlap is None else overlap,
                actor=actor,
                origin=origin,
            )

    async def revoke(self, key_id: str, *, actor: Actor, origin: Origin) -> APIKey:
        """Let a key count no more. Idempotent. Raises APIKeyNotFound."""
        async with self._db.transaction() as tx:
            key = await self._keys.get(tx, key_id)
            await self._keys.revoke(tx, key, reason="revoked_by_administrator", actor=actor, origin=origin)
            return await self._keys.get(tx, key_id)

    async def report_leak(
        self, *, raw_key: str | None = None, key_id: str | None = None, actor: Actor, origin: Origin
    ) -> APIKey:
        """Revoke a key that was seen where it should not be, named by its text or its id, and have its owner told.

        The text need not be the true one: a scanner may have cut its end. Raises APIKeyNotFound.
        """
        named = _id_in(raw_key) if raw_key is not None else key_id
        if named is None:
            raise APIKeyNotFound
        async with self._db.transaction() as tx:
            key = await self._keys.get(tx, named)
            await self._keys.report_leak(tx, key, actor=actor, origin=origin)
            return await self._keys.get(tx, named)


def _id_in(raw_key: str) -> str | None:
    """The id in a key's text, of which the end may be missing."""
    start = raw_key.strip()
    if not start.startswith(api_key.PREFIX):
        return None
    return start.removeprefix(api_key.PREFIX)[: api_key.ID_CHARACTERS]
