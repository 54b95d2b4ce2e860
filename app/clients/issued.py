"""Recording the tokens that clients get for themselves: durable, many at once, and only for a client as it is now."""

import json
from collections.abc import Sequence

from app.audit.service import AuditLog
from app.clients import store
from app.clients.events import ClientTokenIssued
from app.clients.registered import ClientDirectory, RegisteredClient
from app.foundation.db import Database
from app.foundation.group_commit import GroupCommit


class IssuedTokens:
    """Writes the audit entry of each token before it is answered.

    The statement looks at each client's version: a client that was changed, disabled or removed since this process
    read it gets no token by what was read, whether or not word of the change has come.
    """

    def __init__(self, db: Database, audit: AuditLog, directory: ClientDirectory) -> None:
        self._db = db
        self._audit = audit
        self._directory = directory
        self._commit = GroupCommit[dict[str, object], bool](self._write)

    async def record(self, client: RegisteredClient, event: ClientTokenIssued) -> bool:
        """Record one token; False where the client is no longer what was read. Raises DatabaseUnavailable."""
        values = self._audit.values(event)
        entry = {
            "id": str(values.id),
            "at": values.at.isoformat(),
            "client": client.client_id,
            "version": client.version,
            "ip": values.ip,
            "user_agent": values.user_agent,
            "trace_id": values.trace_id,
            "details": dict(event.details()),
        }
        granted = await self._commit.join(entry)
        if not granted:
            self._directory.forget(client.client_id)
        return granted

    async def _write(self, entries: Sequence[dict[str, object]]) -> Sequence[bool]:
        row = await self._db.fetchrow(store.RECORD_ISSUED, json.dumps(entries), ClientTokenIssued.type)
        granted = set((row["granted"] or "").split(" ")) if row is not None else set()
        return [entry["id"] in granted for entry in entries]
