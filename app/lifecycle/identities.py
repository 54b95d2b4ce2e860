"""Taking an identity of another provider from its user."""

from collections.abc import Sequence
from uuid import UUID

from app.audit.event import Actor
from app.factors.factor import FactorName
from app.factors.service import Factors
from app.federation.identities.errors import IdentityNotFound, LastWayIn
from app.federation.identities.service import Identities, Linked
from app.foundation.db import Database, Transaction
from app.foundation.etags import Precondition, etag_of
from app.foundation.origin import Origin
from app.lifecycle.provider_rights import ProviderRights
from app.roles.rights import take_turn
from app.sessions.service import Sessions
from app.users.service import Users

REASON = "identity_unlinked"
# By what somebody gets in who has nothing else. A mailed code is for those whose mailbox is theirs alone.
_ALONE = frozenset({FactorName.PASSWORD, FactorName.PASSKEY})


class IdentityUnlinking:
    """Takes identities away, and never the last way in."""

    def __init__(
        self,
        db: Database,
        *,
        users: Users,
        factors: Factors,
        identities: Identities,
        rights: ProviderRights,
        sessions: Sessions,
    ) -> None:
        self._db = db
        self._users = users
        self._rights = rights
        self._factors = factors
        self._identities = identities
        self._sessions = sessions

    async def list_of(self, user_id: UUID) -> Sequence[Linked]:
        """The identities of a user, the oldest first."""
        async with self._db.transaction() as tx:
            return await self._identities.list_of(tx, user_id)

    async def get(self, user_id: UUID, identity_id: UUID) -> Linked:
        """One identity of a user. Raises IdentityNotFound."""
        found = next((linked for linked in await self.list_of(user_id) if linked.id == identity_id), None)
        if found is None:
            raise IdentityNotFound
        return found

    async def unlink(
        self,
        user_id: UUID,
        identity_id: UUID,
        *,
        keep: UUID | None,
        actor: Actor,
        origin: Origin,
        precondition: Precondition | None = None,
        forced: bool = False,
    ) -> Linked:
        """Unlink, and end every session of the user but the one of the row `keep`: who came by it goes with it.

        So does what the provider's rules gave: else whoever is about to lose a right there would keep it by unlinking.
        Administrators may have it `forced`. Raises IdentityNotFound, PreconditionFailed, LastWayIn.
        """
        async with self._db.transaction() as tx:
            await take_turn(tx)
            # The user's row comes first: of two at once the second finds what the first has left.
            await self._users.note_changed_credentials(tx, user_id)
            user = await self._users.get(tx, user_id)
            linked = await self._identities.unlink(tx, user, identity_id, actor=actor, origin=origin, forced=forced)
            if linked is None:
                raise IdentityNotFound
            if precondition is not None:
                precondition.require(etag_of_identity(linked))
            if not forced and not await self._has_another(tx, user_id):
                raise LastWayIn("A password or a passkey has to be there first.")
            await self._rights.withdraw(tx, linked, user, origin)
            await self._sessions.end_others(
                tx, user_id, keep=keep, subject=user.sub, reason=REASON, actor=actor, origin=origin
            )
        return linked

    async def _has_another(self, tx: Transaction, user_id: UUID) -> bool:
        if await self._identities.list_of(tx, user_id):
            return True
        return bool(_ALONE.intersection(await self._factors.enrolled(tx, user_id)))


def etag_of_identity(linked: Linked) -> str:
    """The tag of an identity: another one once somebody has come by it."""
    return etag_of(linked.id, linked.connection_id, linked.last_used_at)
