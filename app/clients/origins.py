"""Whose scripts may read OAuth answers: the origins that clients named at their registration."""

import json

from app.foundation.db import Database
from app.foundation.snapshot import Snapshot

# One text, in one order: it is parsed only where it changed.
_READ = """
    SELECT coalesce(json_agg(origin ORDER BY origin), '[]')::text FROM (
      SELECT DISTINCT jsonb_array_elements_text(client_metadata -> 'allowed_origins') AS origin
      FROM oauth_clients WHERE disabled_at IS NULL AND client_metadata ? 'allowed_origins'
    ) named
    """


class ClientOrigins:
    """The origins of every enabled client, kept whole in memory and read again each second."""

    def __init__(self, db: Database) -> None:
        self._snapshot: Snapshot[frozenset[bytes]] = Snapshot(db, _READ, _parse, empty=frozenset())

    def __contains__(self, origin: object) -> bool:
        """Whether an origin, as a request's header has it, is one of a client's."""
        return origin in self._snapshot.value

    async def refresh(self) -> None:
        """Read them now. Raises DatabaseUnavailable and keeps the last reading."""
        await self._snapshot.load()

    async def follow(self) -> None:
        """Keep them fresh for as long as the process lives: the coroutine of a background task."""
        await self._snapshot.follow()


def _parse(text: str) -> frozenset[bytes]:
    return frozenset(origin.encode("ascii") for origin in json.loads(text or "[]"))
