"""The panic switch: everything of a user, a client or an audience ends in one act. Spec: contract section 8."""

from dataclasses import dataclass
from datetime import datetime

from app.apikeys.owner import KeyOwner
from app.apikeys.service import APIKeys
from app.audiences.service import Audiences
from app.audit.event import Actor
from app.audit.service import AuditLog
from app.clients.service import Clients
from app.foundation.clock import rfc3339
from app.foundation.db import Database
from app.foundation.origin import Origin
from app.grants.cut_off import GrantCutOff
from app.lifecycle.events import EverythingEnded
from app.lifecycle.interruption import Interruption
from app.revocation.kinds import RevocationKind
from app.revocation.service import Revocations
from app.users.user import User

# In events and entries of what was ended: the words of whoever did it stand in the act's own event.
_CODE = "everything_ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What an act ended. Tokens of before `not_before`, the next whole second, count no more; the next one waits."""

    not_before: datetime
    sessions: int
    api_keys: int


class EverythingEnding:
    """Ends at once, in one transaction, what somebody may hold who should not; nobody is barred from coming back.

    Who is ended may sign in or ask for tokens again, and what they get counts, from the moment that the
    entry bears: every issue of a token waits for it. To keep them out, suspend the user or disable the client.
    """

    def __init__(
        self,
        db: Database,
        audit: AuditLog,
        revocations: Revocations,
        *,
        interruption: Interruption,
        clients: Clients,
        audiences: Audiences,
        grants: GrantCutOff,
        api_keys: APIKeys,
    ) -> None:
        self._db = db
        self._audit = audit
        self._revocations = revocations
        self._interruption = interruption
        self._clients = clients
        self._audiences = audiences
        self._grants = grants
        self._api_keys = api_keys

    async def of_user(self, user: User, *, reason: str, actor: Actor, origin: Origin) -> Ended:
        """End a user's sessions, sign-ins and mailed links under way, tokens and API keys."""
        async with self._db.transaction() as tx:
            # The user's row first: a sign-in at the same moment has committed, or comes to nothing.
            sessions = await self._interruption.end_everything(tx, user, reason=_CODE, actor=actor, origin=origin)
            keys = await self._interruption.end_keys(tx, user, reason=_CODE, actor=actor, origin=origin)
            at = await self._revocations.add(tx, RevocationKind.SUB, user.sub, reason=_CODE)
            event = EverythingEnded(
                actor=actor,
                origin=origin,
                subject=user.sub,
                of="user",
                reason=reason,
                not_before=rfc3339(at),
                sessions=sessions,
                api_keys=keys,
            )
            await self._audit.record(tx, event)
        return Ended(not_before=at, sessions=sessions, api_keys=keys)

    async def of_client(self, client_id: str, *, reason: str, actor: Actor, origin: Origin) -> Ended:
        """End a client's own tokens, those that it holds for users with their refresh tokens, and its API keys.

        Its secrets stay. Raises ClientNotFound.
        """
        async with self._db.transaction() as tx:
            at = await self._clients.end_tokens(tx, client_id, reason=_CODE)
            await self._grants.of_client(tx, client_id)
            owner = KeyOwner(id=client_id)
            keys = await self._api_keys.revoke_all(tx, owner, reason=_CODE, actor=actor, origin=origin)
            event = EverythingEnded(
                actor=actor,
                origin=origin,
                subject=client_id,
                of="client",
                reason=reason,
                not_before=rfc3339(at),
                sessions=0,
                api_keys=keys,
            )
            await self._audit.record(tx, event)
        return Ended(not_before=at, sessions=0, api_keys=keys)

    async def of_audience(self, name: str, *, reason: str, actor: Actor, origin: Origin) -> Ended:
        """End every token for an audience, by its name and its resource URIs, its grants and its API keys.

        Grants are its own that were asked for with it; one that was asked for with another audience stays and gives a
        new token. Raises AudienceNotFound.
        """
        async with self._db.transaction() as tx:
            definition = await self._audiences.show(tx, name)
            at = await self._revocations.add_all(
                tx, RevocationKind.AUD, (name, *definition.resources), reason=_CODE, audience=name
            )
            await self._grants.at_audience(tx, name)
            keys = await self._api_keys.revoke_at(tx, name, reason=_CODE, actor=actor, origin=origin)
            event = EverythingEnded(
                actor=actor,
                origin=origin,
                of="audience",
                audience=name,
                reason=reason,
                not_before=rfc3339(at),
                sessions=0,
                api_keys=keys,
            )
            await self._audit.record(tx, event)
        return Ended(not_before=at, sessions=0, api_keys=keys)
