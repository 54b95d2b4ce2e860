"""Taking access tokens out of use without signing anybody out."""

from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import TypeVar
from uuid import UUID

from app.audit.event import Actor
from app.audit.service import AuditLog
from app.foundation.clock import Clock
from app.foundation.db import Transaction
from app.foundation.origin import Origin
from app.foundation.secrets import random_id
from app.grants import store
from app.grants.events import GrantReplaced
from app.revocation.kinds import RevocationKind
from app.revocation.service import Revocations

_BATCH = 500

Item = TypeVar("Item")


class GrantReplacement:
    """Gives live grants another `grant_id`, in the caller's transaction.

    Access tokens name the grant that they hang from, so those that are out are refused from the commit on,
    here by their grant's absence and elsewhere by the revocation of its old name. Refresh
    tokens hang from the grant's row: they go on as they were, with their replays, and the next one brings a token
    with what is held then. Whoever refreshes at the same moment gets either a token of the old grant, which is
    refused, or one of the new grant with the new rights: both come from one statement.
    """

    def __init__(self, clock: Clock, audit: AuditLog, revocations: Revocations) -> None:
        self._clock = clock
        self._audit = audit
        self._revocations = revocations

    async def replace(
        self, tx: Transaction, user_ids: Collection[UUID], *, reason: str, actor: Actor, origin: Origin
    ) -> int:
        """Replace every live grant of these users and return how many there were.

        The caller holds the users' rows, so that no sign-in commits a grant meanwhile.
        """
        now, replaced = self._clock.now(), 0
        for some in _batches(user_ids):
            live = await store.live_grants_of(tx, some, now=now)
            for few in _batches(live):
                renamed = [(grant.id, random_id()) for grant in few]
                await store.rename_grants(tx, renamed)
                old = [grant.grant_id for grant in few]
                await self._revocations.add_all(tx, RevocationKind.GRANT_ID, old, reason=reason)
                events = [
                    GrantReplaced(
                        actor=actor,
                        origin=origin,
                        subject=grant.sub,
                        sid=grant.sid,
                        grant_id=grant.grant_id,
                        reason=reason,
                    )
                    for grant in few
                ]
                await self._audit.record_all(tx, events)
            replaced += len(live)
        return replaced


def _batches(items: Collection[Item]) -> Iterator[Sequence[Item]]:
    rest = iter(items)
    while some := list(islice(rest, _BATCH)):
        yield some
