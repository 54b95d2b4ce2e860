"""Recording the tokens that clients get for themselves: durable, many at once, and only for a client as it is now."""

from collections.abc import Sequence

from pydantic_core import to_json

from app.audit.service import one_line
from app.clients import store
from app.clients.events import ClientTokenIssued
from app.clients.registered import ClientDirectory, RegisteredClient
from app.foundation.clock import Clock
from app.foundation.db import Database
from app.foundation.gathering import WRITING, Gathering
from app.foundation.ids import new_id
from app.revocation.kinds import RevocationKind
from app.revocation.service import Revocations


class IssuedTokens:
    """Writes the audit entry of each token before it is answered.

    The statement looks at each client's version: a client that was changed, disabled or removed since this process
    read it gets no token by what was read, whether or not word of the change has come.
    """

    def __init__(self, db: Database, clock: Clock, directory: ClientDirectory, revocations: Revocations) -> None:
        self._revocations = revocations
        self._db = db
        self._clock = clock
        self._directory = directory
        self._commit = Gathering[dict[str, object], bool](self._write, WRITING)

    async def record(self, client: RegisteredClient, event: ClientTokenIssued, *, issued_at: int) -> bool:
        """Record one token; False where the client is no longer what was read, or its audience's tokens were ended.

        The latter after the moment has passed before which none counts. Raises DatabaseUnavailable.
        """
        now, origin = self._clock.now(), event.origin
        entry = {
            "id": str(new_id(now)),
            "at": now.isoformat(),
            "client": client.client_id,
            "version": client.version,
            "ip": origin.ip,
            "user_agent": one_line(origin.user_agent),
            "trace_id": origin.trace_id,
            "issued_at": issued_at,
            "details": {"audience": event.audience, "scope": event.scope, "jti": event.jti},
        }
        granted = await self._commit.ask(entry)
        if not granted:
            self._directory.forget(client.client_id)
            await self._revocations.let_pass(self._db, RevocationKind.AUD, event.audience)
        return granted

    async def _write(self, entries: Sequence[dict[str, object]]) -> Sequence[bool]:
        row = await self._db.fetchrow(store.RECORD_ISSUED, to_json(entries).decode(), ClientTokenIssued.type)
        granted = set((row["granted"] or "").split(" ")) if row is not None else set()
        return [entry["id"] in granted for entry in entries]
