"""What a person does with their own API keys."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from app.apikeys.key import APIKey, NewAPIKey
from app.apikeys.owner import KeyOwner
from app.apikeys.parts import APIKeyParts
from app.apikeys.rules import KeyDefinition
from app.audiences.service import Audiences, AudienceView
from app.audit.event import Actor, ActorKind
from app.factors.service import Factors
from app.foundation.db import Database, Transaction
from app.foundation.fresh import FreshAuth
from app.foundation.origin import Origin
from app.foundation.principal import MissingToken, Principal
from app.grants.inspect import GrantInspection
from app.protocols.assurance import ACR
from app.roles.service import Roles
from app.sessions.service import Sessions
from app.users.service import Users


class OwnAPIKeys:
    """The use cases of a signed-in person; each is one transaction.

    A key outlives the session that makes it. So it takes a sign-in that is recent, and as strong as a token for the
    key's audience would need, or by a second factor where the person has one.
    """

    def __init__(
        self,
        db: Database,
        keys: APIKeyParts,
        *,
        users: Users,
        sessions: Sessions,
        audiences: Audiences,
        roles: Roles,
        factors: Factors,
        grants: GrantInspection,
        fresh: FreshAuth,
        overlap: timedelta,
    ) -> None:
        self._db = db
        self._keys = keys
        self._users = users
        self._sessions = sessions
        self._audiences = audiences
        self._roles = roles
        self._factors = factors
        self._grants = grants
        self._fresh = fresh
        self._overlap = overlap

    async def create(
        self, caller: Principal, definition: KeyDefinition, audience: str | None, origin: Origin
    ) -> NewAPIKey:
        """Make a key of the caller's; without `audience` for this service itself.

        Raises InvalidTarget, StaleAuthentication, and what `APIKeyIssuance.issue` raises.
        """
        view = await self._audiences.resolve(audience)
        async with self._db.transaction() as tx:
            await self._may_make(tx, caller, view)
            return await self._keys.issuance.issue(
                tx,
                definition,
                owner=_owner(caller),
                audience=view,
                within=await self._grants.narrowed_to(tx, caller.grant_id),
                actor=_actor(caller),
                origin=origin,
            )

    async def list(self, caller: Principal, *, before: UUID | None, limit: int) -> Sequence[APIKey]:
        """The caller's keys, newest first."""
        async with self._db.transaction() as tx:
            return await self._keys.registry.list(tx, owner=_owner(caller), before=before, limit=limit)

    async def get(self, caller: Principal, key_id: str) -> APIKey:
        """One of the caller's keys. Raises APIKeyNotFound."""
        async with self._db.transaction() as tx:
            return await self._keys.registry.get(tx, key_id, owner=_owner(caller))

    async def rotate(self, caller: Principal, key_id: str, *, overlap: timedelta | None, origin: Origin) -> NewAPIKey:
        """Make the successor of one of the caller's keys.

        Raises StaleAuthentication, and what `APIKeyIssuance.rotate` raises.
        """
        async with self._db.transaction() as tx:
            key = await self._keys.registry.get(tx, key_id, owner=_owner(caller))
            await self._may_make(tx, caller, await self._audiences.get(key.audience))
            return await self._keys.issuance.rotate(
                tx,
                key.row_id,
                owner=_owner(caller),
                overlap=self._overlap if overlap is None else overlap,
                within=await self._grants.narrowed_to(tx, caller.grant_id),
                actor=_actor(caller),
                origin=origin,
            )

    async def revoke(self, caller: Principal, key_id: str, origin: Origin) -> None:
        """Let one of the caller's keys count no more. Idempotent. Raises APIKeyNotFound."""
        async with self._db.transaction() as tx:
            key = await self._keys.registry.get(tx, key_id, owner=_owner(caller))
            await self._keys.registry.revoke(tx, key, reason="revoked_by_owner", actor=_actor(caller), origin=origin)

    async def _may_make(self, tx: Transaction, caller: Principal, audience: AudienceView) -> None:
        """Refuse a session that ended a moment ago, or that proves too little. Raises MissingToken."""
        # The row comes first: whoever ends everything in the account waits for it, or has been here.
        user = await self._users.hold(tx, caller.user_id)
        if user is None or not user.is_active or not await self._sessions.is_live(tx, caller.session_id):
            raise MissingToken("The session is over.")
        self._fresh.require(caller, acr=await self._needed(tx, caller, audience))

    async def _needed(self, tx: Transaction, caller: Principal, audience: AudienceView) -> ACR | None:
        asked = {audience.required_acr} if audience.required_acr else set()
        if self._roles.ask_for_more:
            asked |= await self._roles.asked_of(tx, caller.user_id, audience.name)
        if await self._factors.second(tx, caller.user_id):
            asked.add(ACR.AAL2)
        order = list(ACR)
        return max((ACR(acr) for acr in asked), key=order.index, default=None)


def _owner(caller: Principal) -> KeyOwner:
    return KeyOwner(id=caller.sub, user_id=caller.user_id)


def _actor(caller: Principal) -> Actor:
    return Actor(ActorKind.USER, caller.sub)
