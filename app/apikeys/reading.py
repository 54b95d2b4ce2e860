"""Reading the keys of many requests by one statement.

Requests of one moment share a statement, and while two are under way the next ones gather for the third: the busier
the process, the cheaper each look-up, and what is read was always asked for after the request came.
"""

import asyncio
import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from app.apikeys import store
from app.foundation.db import Database


class ClientChanged(Exception):
    """What this process keeps of the client that asks is old: it must be read anew."""


class AskingClient(NamedTuple):
    """The client that asks, as this process knows it."""

    client_id: str
    version: int


STATEMENTS_AT_ONCE = 2
MAX_KEYS_AT_ONCE = 500


class Reading(NamedTuple):
    """What `store.INSPECT` says: of each key, by its row id, and the version of each enabled client that asked."""

    keys: Mapping[str, Mapping[str, Any]]
    clients: Mapping[str, int]


class _Batch:
    """Keys that are read together."""

    __slots__ = ("client_ids", "reading", "row_ids")

    def __init__(self) -> None:
        self.row_ids: list[UUID] = []
        self.client_ids: set[str] = set()
        self.reading: asyncio.Task[Reading] | None = None


class KeyReader:
    """Looks keys up by row id."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._turns = asyncio.Semaphore(STATEMENTS_AT_ONCE)
        self._gathering: _Batch | None = None
        self._reading: set[asyncio.Task[Reading]] = set()

    async def find(self, row_id: UUID, *, asking: AskingClient | None = None) -> Mapping[str, Any] | None:
        """What the database says of a key now; None where there is none.

        Raises ClientChanged where the client that asks is no longer what it was at its version; DatabaseUnavailable.
        """
        batch = self._gathering
        if batch is None or batch.reading is None or len(batch.row_ids) >= MAX_KEYS_AT_ONCE:
            batch = self._gathering = _Batch()
            batch.reading = asyncio.get_running_loop().create_task(self._read(batch))
            self._reading.add(batch.reading)
            batch.reading.add_done_callback(self._done)
        batch.row_ids.append(row_id)
        if asking is not None:
            batch.client_ids.add(asking.client_id)
        # Shielded: a client that hangs up must not take the answer away from the others.
        reading = await asyncio.shield(batch.reading)
        if asking is not None and reading.clients.get(asking.client_id) != asking.version:
            raise ClientChanged
        return reading.keys.get(str(row_id))

    async def _read(self, batch: _Batch) -> Reading:
        async with self._turns:
            if self._gathering is batch:
                self._gathering = None
            row = await self._db.fetchrow(
                store.INSPECT, _array(batch.row_ids), _array(batch.client_ids), repeatable=True
            )
        found = json.loads(row[0]) if row is not None else {}
        keys = {key["id"]: key for key in found.get("keys") or ()}
        return Reading(keys, found.get("clients") or {})

    def _done(self, reading: asyncio.Task[Reading]) -> None:
        self._reading.discard(reading)
        if not reading.cancelled():
            # Each of those who wait raises it; where all of them have gone, nobody else would look at it.
            reading.exception()


def _array(values: Iterable[object]) -> str:
    """An array as PostgreSQL writes it, of ids that need no quotes."""
    return f"{{{','.join(map(str, values))}}}"
