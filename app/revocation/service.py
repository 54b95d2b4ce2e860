"""Revoking: a row in the transaction that revokes."""

import asyncio
import contextlib
import json
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from app.foundation.cache import CacheUnavailable
from app.foundation.clock import Clock
from app.foundation.db import Database, Transaction
from app.foundation.ids import new_id
from app.foundation.joining import after_commit
from app.revocation import store
from app.revocation.bloom import pack
from app.revocation.filter import RevocationFilter
from app.revocation.kinds import LONGEST_TOKEN, MARGIN, RevocationKind, effective_at
from app.revocation.wake import Wake


class Revocations:
    """Writes what is refused from now on, where the change that makes it so is written.

    The row is numbered and published after the commit, of which `wake` is told. Before the use case returns it is in
    the filter, whether or not this process follows the feed itself. Where the filter does not answer, whoever asks it
    later finds it older than the feed, within a tenth of a second.
    """

    def __init__(self, clock: Clock, wake: Wake, stored: RevocationFilter) -> None:
        self._clock = clock
        self._wake = wake
        self._filter = stored

    async def add(
        self,
        tx: Transaction,
        kind: RevocationKind,
        target: str,
        *,
        reason: str,
        expires_at: datetime | None = None,
        audience: str | None = None,
    ) -> datetime:
        """Revoke what `target` names, and return the moment that the revocation bears.

        Without `expires_at` it is kept as long as an access token could live, and a minute more. `audience` limits it
        to that audience's tokens. Of the kinds `sub`, `client_id` and `aud` the caller lets no matching token be
        issued before the moment that is returned. Spec: contract section 8.
        """
        return await self.add_all(tx, kind, [target], reason=reason, expires_at=expires_at, audience=audience)

    async def add_all(
        self,
        tx: Transaction,
        kind: RevocationKind,
        targets: Sequence[str],
        *,
        reason: str,
        expires_at: datetime | None = None,
        audience: str | None = None,
    ) -> datetime:
        """The same for several of one kind, by one statement."""
        now = self._clock.now()
        at = effective_at(kind, now)
        if targets:
            rows = json.dumps([(str(new_id(now)), target) for target in targets])
            expiry = expires_at or at + LONGEST_TOKEN + MARGIN
            epoch = await store.add(
                tx, rows, kind=kind, audience=audience, at=at, expires_at=expiry, reason=reason, created_at=now
            )
            after_commit(tx, self._wake.note_written)
            names = pack((kind.value, target) for target in targets)
            after_commit(tx, partial(self._fill, epoch, names))
        return at

    async def _fill(self, epoch: UUID | None, names: bytes) -> None:
        if epoch is not None and self._filter.exists:
            with contextlib.suppress(CacheUnavailable):
                await self._filter.add(epoch, names)

    async def let_pass(self, db: Database, kind: RevocationKind, target: str) -> None:
        """Wait until the moment of the latest revocation of `target` is past, a second at most.

        Before what was revoked comes back: a token of that very second would be matched. Never in a transaction.
        """
        async with db.transaction() as tx:
            at = await store.latest(tx, kind, target)
        if at is not None:
            await asyncio.sleep(min(1.0, (at - self._clock.now()).total_seconds()))
